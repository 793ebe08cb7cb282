"""What every event is: a frozen dataclass whose class name is its stable type name and whose fields are JSON values."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, dataclass_transform

EVENT_TYPES: dict[str, type[Event]] = {}
"""Type name -> class, of every event that was ever written. Filled as the modules of this folder are imported."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _EventType(type):
    """Makes each subclass a frozen keyword-only dataclass and enters it into EVENT_TYPES under its class name."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        cls = super().__new__(mcs, name, bases, namespace)
        if bases:
            if name in EVENT_TYPES:
                raise TypeError(f"two event classes are called {name}")
            EVENT_TYPES[name] = cls  # type: ignore[assignment]
        return dataclass(frozen=True, kw_only=True)(cls)  # type: ignore[arg-type]


class Event(metaclass=_EventType):
    """One fact. Subclasses add payload fields: JSON values only; a field with a default may be missing in old events.

    A changed shape raises class_version and brings a static method upcast_vN_vM(state) per step.
    """

    class_version: ClassVar[int] = 1

    originator_id: str
    """The stream, such as note-27."""
    originator_version: int
    """Number of the event in its stream, from 1."""
    timestamp: datetime
    """When it happened, UTC, strictly later than the stream's previous event. Stored as recorded_at."""


class Forgotten(Event):
    """Stands where an event was whose payload has been overwritten. Replays step over it."""

    forgotten_type: str


def payload_fields(cls: type[Event]) -> dict[str, str]:
    """The fields that a type stores: name -> type as it is written in the class, with ` = default` where there is one."""
    found = {}
    for field in fields(cls):
        if field.name not in _COLUMNS:
            default = "" if field.default is MISSING and field.default_factory is MISSING else " = default"
            if field.default is not MISSING:
                default = f" = {field.default!r}"
            found[field.name] = f"{field.type}{default}"
    return found


@cache
def whole_numbers(cls: type[Event]) -> tuple[str, ...]:
    """The fields that hold a whole number, or none."""
    return tuple(name for name, written in payload_fields(cls).items() if written.partition(" = ")[0] in {"int", "int | None"})


def with_whole_number(state: dict[str, Any], name: str) -> None:
    """Upcasts a field in which a whole number may have been stored as 7.0."""
    if isinstance(state[name], float):
        state[name] = int(state[name])


_COLUMNS = {"originator_id", "originator_version", "timestamp"}
"""Fields that have columns of their own."""


def stream_number(stream: str) -> int:
    """The client-visible id in a stream's name: 27 of note-27."""
    return int(stream[stream.rindex("-") + 1 :])


def stream_numbers(stream: str) -> tuple[int, ...]:
    """All ids in a stream's name: 4 and 7 of subscription-4-7."""
    return tuple(map(int, stream[len(stream_kind(stream)) + 1 :].split("-")))


def stream_kind(stream: str) -> str:
    """What a stream's name begins with: note of note-27, note-session of note-session-4, subscription of subscription-4-7."""
    return stream.rstrip("0123456789-")
