"""Describes every event type for people: the text of docs/events.md."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from eventstore.events import EVENT_TYPES, Event
from eventstore.events.base import payload_fields

_HEAD = """# Events

This page lists every event type that the log can hold, by area. It is generated from the classes in `eventstore/events/`: run
`make golden` after changing them, do not edit it.

In addition to the fields listed here, each event has its stream, its version in that stream, its position in the log, the time it was
recorded, and metadata: who acted (`actor`), through which door (`channel`), in which `command`, and what else is known of the request.
An event whose payload was forgotten keeps all of that except free text.
"""


def published_types() -> list[type[Event]]:
    """Every type that is ever stored, by area and in the order in which its module tells the story."""
    types = [cls for cls in EVENT_TYPES.values() if cls.__module__.startswith("eventstore.events.") and cls.__module__ != Event.__module__]
    return sorted(types, key=lambda cls: (area(cls), inspect.getsourcelines(cls)[1]))


def area(cls: type[Event]) -> str:
    """The area that an event belongs to: the name of its module."""
    return cls.__module__.rpartition(".")[2]


def describe_events() -> str:
    """The page, as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield _HEAD.rstrip()
    last = ""
    for cls in published_types():
        if area(cls) != last:
            last = area(cls)
            module = inspect.getmodule(cls)
            yield f"\n## {last}\n"
            yield inspect.cleandoc((module.__doc__ if module else None) or "")
        yield f"\n### {cls.__name__}" + (f" (version {cls.class_version})" if cls.class_version > 1 else "")
        yield f"\n{inspect.cleandoc(cls.__doc__ or '')}"
        fields = payload_fields(cls)
        if fields:
            notes = _field_notes(cls)
            yield "\n| field | value | |\n|---|---|---|"
            for name, written in fields.items():
                note = notes.get(name, "").replace("|", "\\|")
                yield f"| `{name}` | `{written}` | {note} |".replace(" | None", " \\| None").replace("  |", " |")


def _field_notes(cls: type[Event]) -> dict[str, str]:
    """The text that stands under a field in the class."""
    (tree,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(tree, ast.ClassDef)
    notes = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            notes[field.target.id] = " ".join(str(below.value.value).split())
    return notes
