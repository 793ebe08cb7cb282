"""`notechondria mcp`: the tools for assistants over stdin and stdout, with an API key and nothing of the server's own."""

from __future__ import annotations

import json
import sys
from typing import Annotated, NoReturn

import typer

from cli.backend import Backend, BackendFailed, Incomplete, configured
from cli.stdio import run_batch, serve_lines
from settings import load_client_settings
from toolbox.catalog import ALL_TOOLS
from toolbox.tool import Request, Tool

MALFORMED = 2
HEAD = """\
# Tools for assistants

This page lists the tools that assistants are offered over MCP; [mcp.md](mcp.md) tells how to connect one. The page is generated: run
`make docs` after a change of a tool, do not edit it.

A star marks required arguments. Effect on the account: a tool *reads*; *adds* something or does what can be undone; or *destroys*, which
means that it overwrites or deletes. Calling a *repeatable* tool twice has the same effect as calling it once.

| Tool | What it does | Arguments | Effect |
|---|---|---|---|
"""

group = typer.Typer(help="Tools for assistants on this computer, over REST with an API key.", invoke_without_command=True)


@group.callback()
def begin(context: typer.Context) -> None:
    """Serve, unless told otherwise."""
    if context.invoked_subcommand is None:
        serve()


@group.command()
def serve() -> None:
    """Serve the tools over stdin and stdout until the input ends.

    Example: NOTECHONDRIA_API_URL=https://notes.example.org NOTECHONDRIA_API_KEY=ntc_... notechondria mcp serve
    """
    backend = _backend()
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    serve_lines(backend, sys.stdin, sys.stdout)


@group.command()
def check() -> None:
    """Check that the server can be reached and the key is valid.

    Example: notechondria mcp check
    """
    backend = _backend()
    try:
        settings = backend.send(Request("GET", "settings/"))
        print(f"{backend.place.url}  {settings['username']}")
    except (BackendFailed, KeyError, TypeError) as error:
        _fail(str(error) if isinstance(error, BackendFailed) else f"{backend.place.url} does not look like a Notechondria server.", 1)


@group.command()
def batch(
    file: Annotated[str, typer.Argument(help='One JSON object per line, {"tool": ..., "arguments": {...}}; - is stdin.')] = "-",
    stop_on_error: Annotated[bool, typer.Option("--stop-on-error", help="Stop at the first failure.")] = False,
) -> None:
    """Make the calls in a file, one after the other, and print a JSON line for each.

    Example: notechondria mcp batch calls.jsonl --stop-on-error
    """
    backend = _backend()
    status = 0
    try:
        with sys.stdin if file == "-" else open(file, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - stdin is no path
            for report, malformed in run_batch(backend, lines):
                print(json.dumps(report, ensure_ascii=False), flush=True)
                if not report["ok"]:
                    status = 1
                    if stop_on_error:
                        status = MALFORMED if malformed else 1
                        break
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}.", MALFORMED)
    raise typer.Exit(status)


@group.command()
def tools() -> None:
    """Print all tools as a page in Markdown.

    Example: notechondria mcp tools > docs/mcp-tools.md
    """
    print(page(), end="")


def page() -> str:
    """The page docs/mcp-tools.md."""
    return HEAD + "".join(_row(tool) for tool in ALL_TOOLS)


def _row(tool: Tool) -> str:
    arguments = ", ".join(f"`{name}`{'*' if name in tool.required else ''}" for name in tool.properties)
    hints = (
        "reads" if tool.reads else ", ".join(filter(None, ["destroys" if tool.destroys else "", "repeatable" if tool.repeatable else ""]))
    )
    return f"| `{tool.name}` | {tool.description.replace('|', '/')} | {arguments} | {hints or 'adds'} |\n"


def _backend() -> Backend:
    try:
        return Backend(configured(load_client_settings()))
    except Incomplete as lack:
        _fail(str(lack), 2)


def _fail(text: str, status: int) -> NoReturn:
    print(text, file=sys.stderr)
    raise typer.Exit(status)
