"""Between event objects and stored bytes: compact JSON, stable names, upcasting, forgotten payloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

import orjson
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from eventstore.events import EVENT_TYPES, Event, Forgotten
from eventstore.events.base import whole_numbers

FORGOTTEN = b""
"""The payload of an event whose content was forgotten."""


class UnknownEventType(Exception):
    """The log holds an event of a type that this release does not know."""


@dataclass(frozen=True)
class LogEvent(StoredEvent):
    """A stored event together with its time."""

    recorded_at: datetime


def stored_events(
    stream: str, versions: Sequence[int], types: Sequence[str], payloads: Sequence[bytes], times: Sequence[datetime]
) -> list[StoredEvent]:
    """Events of one stream, from a column each."""
    return [LogEvent(stream, *columns) for columns in zip(versions, types, payloads, times, strict=True)]


def encode(event: Event) -> bytes:
    """The payload of an event as compact JSON: its own fields, without stream, version and time. Raises TypeError for 7.0 where 7
    belongs: no read model could take it in.
    """
    state = dict(vars(event))
    del state["originator_id"], state["originator_version"], state["timestamp"]
    for name in whole_numbers(type(event)):
        if isinstance(state.get(name), float):
            raise TypeError(f"{type(event).__name__}.{name} has to be a whole number")
    if event.class_version > 1:
        state["class_version"] = event.class_version
    return orjson.dumps(state)


def decode(type_name: str, stream: str, version: int, data: bytes, recorded_at: datetime) -> Event:
    """The event that these columns hold. Raises UnknownEventType, or ValueError for a payload that cannot be read."""
    cls = EVENT_TYPES.get(type_name)
    if cls is None:
        raise UnknownEventType(f"unknown event type {type_name} in {stream}@{version}")
    state: Any
    if data:
        state = orjson.loads(data)
        if not isinstance(state, dict):
            raise ValueError("the payload is no JSON object")
        if cls.class_version > 1:
            _upcast(cls, state)
    else:
        state = {"forgotten_type": type_name}
        cls = Forgotten
    state["originator_id"] = stream
    state["originator_version"] = version
    state["timestamp"] = recorded_at
    event = object.__new__(cls)
    # Frozen dataclasses keep their values in __dict__; defaults of missing fields are class attributes.
    object.__setattr__(event, "__dict__", state)
    return event


def _upcast(cls: type[Event], state: dict[str, Any]) -> None:
    version = state.pop("class_version", 1)
    try:
        while version < cls.class_version:
            getattr(cls, f"upcast_v{version}_v{version + 1}")(state)
            version += 1
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the payload of version {version} cannot be brought to version {cls.class_version}: {error!r}") from error


class Codec(Mapper[str]):
    """The library's mapper, on the functions above."""

    def __init__(self) -> None:
        super().__init__(transcoder=JSONTranscoder())

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """A LogEvent for one of our events, ready for the recorder."""
        event = cast(Event, domain_event)
        return LogEvent(
            originator_id=event.originator_id,
            originator_version=event.originator_version,
            topic=type(event).__name__,
            state=encode(event),
            recorded_at=event.timestamp,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The event object of a stored row."""
        assert isinstance(stored_event, LogEvent)
        return decode(
            stored_event.topic,
            str(stored_event.originator_id),
            stored_event.originator_version,
            stored_event.state,
            stored_event.recorded_at,
        )


class Recorded(NamedTuple):
    """An event as a follower meets it. position is 0 for events that are just being appended."""

    position: int
    event: Event
    metadata: bytes

    def about(self) -> Mapping[str, Any]:
        """The metadata: actor, channel, request, command and what else the writer noted."""
        return cast("dict[str, Any]", orjson.loads(self.metadata)) if self.metadata else {}
