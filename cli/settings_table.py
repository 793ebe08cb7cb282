"""`notechondria settings`: the table of everything that an operator can choose."""

from __future__ import annotations

from pydantic.fields import FieldInfo

from settings import Settings, variables

HEAD = """\
# Settings

This page lists every setting of the server; [operations.md](operations.md#configure) tells which ones most installations need. The page
is generated: run `make docs` after a change of `settings.py`, do not edit it.

Settings are read at start, from the environment and from a file `.env` in the folder where the server is started. Of several names for one
setting the first that is set wins; an empty value counts as unset. Lists are separated by commas or whitespace; switches are `on` or `off`.
The options `serve --host --port --workers` take precedence over the environment.

| Name | Default | Meaning |
|---|---|---|
"""


def settings() -> None:
    """Print all settings as a table in Markdown.

    Example: notechondria settings > docs/settings.md
    """
    print(table(), end="")


def table() -> str:
    """The page docs/settings.md."""
    return HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    names = ", ".join(f"`{variable}`" for variable in variables(name, field))
    return f"| {names} | {_default(field)} | {field.description} |\n"


def _default(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and extra["shown"]:
        return str(extra["shown"]).replace("<", "&lt;")
    if isinstance(field.default, bool):
        return "on" if field.default else "off"
    return "" if field.default in {None, ()} else f"`{field.default}`"
