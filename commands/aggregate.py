"""The base of aggregates: state rebuilt from a stream of events, and new events pending to be saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, TypeVar

from eventstore.events import Event
from eventstore.events.base import stream_number
from eventstore.events.erasure import OwnerErased, StreamForgotten
from eventstore.snapshots import SHAPES, Snapshot

E = TypeVar("E", bound=Event)
Evolver = Callable[[Any, Any], None]

_STANDING = {"id", "version", "modified_on", "pending"}
"""Attributes that every aggregate has."""
_NEXT = timedelta(microseconds=1)


def evolves(*event_types: type[Event]) -> Callable[[Evolver], Evolver]:
    """Marks a method of an aggregate as what these event types do to its state: method(self, event)."""

    def mark(method: Evolver) -> Evolver:
        method.evolves = event_types  # type: ignore[attr-defined]
        return method

    return mark


class Aggregate:
    """A stream's state. Attributes hold immutable values (text, numbers, tuples, frozen sets): they are replaced,
    never changed in place, so that a copy is cheap and safe.
    """

    kind: ClassVar[str]
    """What the stream's name begins with."""
    snapshot_every: ClassVar[int | None] = None
    """A snapshot is kept each so many events; None for streams that stay short."""
    snapshot_version: ClassVar[int] = 1
    """Raised when the shape of the state changes; older snapshots are then not used."""
    apart: ClassVar[timedelta] = _NEXT
    """How much later than what was there before a command's first event is at least."""
    evolvers: ClassVar[dict[type[Event], Evolver]] = {}

    def __init_subclass__(cls) -> None:
        cls.evolvers = dict(cls.evolvers)
        for method in vars(cls).values():
            for event_type in getattr(method, "evolves", ()):
                cls.evolvers[event_type] = method
        if cls.snapshot_every is not None:
            SHAPES[cls.kind] = cls.snapshot_version

    def __init__(self, stream: str) -> None:
        self.id = stream
        self.version = 0
        self.modified_on: datetime | None = None
        self.pending: tuple[Event, ...] = ()

    @property
    def shown_as(self) -> tuple[str, ...]:
        """Members of JSON objects by which answers about other things tell that they show this one, for forgetting those too."""
        return ()

    @property
    def number(self) -> int:
        """The id that clients see."""
        return stream_number(self.id)

    @classmethod
    def stream(cls, number: int | tuple[int, ...]) -> str:
        """The name of the stream of this id; of several ids for what lies between two things."""
        numbers = (number,) if isinstance(number, int) else number
        return "-".join((cls.kind, *map(str, numbers)))

    @classmethod
    def project(cls, aggregate: Self | None, events: Iterable[Event | Snapshot]) -> Self | None:
        """Replays events on top of an aggregate; the library's projector function."""
        for event in events:
            if aggregate is None:
                aggregate = cls(event.originator_id)
            if isinstance(event, Snapshot):
                aggregate.restore(event)
            else:
                aggregate.evolve(event)
        return aggregate

    def attributes(self) -> dict[str, Any]:
        """What its events have made of it: names -> values."""
        return {name: value for name, value in vars(self).items() if name not in _STANDING}

    def snapshot(self) -> Snapshot:
        """The present state, for the store of snapshots."""
        assert self.snapshot_every is not None
        assert self.modified_on is not None
        return Snapshot(self.id, self.version, self.modified_on, self.snapshot_version, self.snapshot_every, self.attributes())

    def restore(self, snapshot: Snapshot) -> None:
        """Takes the state of a snapshot over."""
        self.__dict__.update(snapshot.state)
        self.version = snapshot.originator_version
        self.modified_on = snapshot.timestamp

    def is_as(self, other: Self, *, but_for: Sequence[str] = ()) -> bool:
        """Whether it says the same as another state of it, but for these attributes."""
        return all(value == getattr(other, name) for name, value in self.attributes().items() if name not in but_for)

    is_forgotten: bool = False
    """Whether everything was overwritten: no attribute tells anything then, and commands do not find it."""

    def evolve(self, event: Event) -> None:
        """Takes one event in."""
        if isinstance(event, OwnerErased | StreamForgotten):
            self.is_forgotten = True
        evolver = self.evolvers.get(type(event))
        if evolver is not None:
            evolver(self, event)
        self.version = event.originator_version
        self.modified_on = event.timestamp

    def trigger(self, event_type: type[E], now: datetime, **payload: Any) -> E:
        """Makes the next event and takes it in. Its time is later than the previous one's even if the clock is not."""
        if self.modified_on is not None:
            now = max(now, self.modified_on + (_NEXT if self.pending else self.apart))
        event = event_type(originator_id=self.id, originator_version=self.version + 1, timestamp=now, **payload)
        self.evolve(event)
        self.pending += (event,)
        return event

    def collect_events(self) -> Sequence[Event]:
        """Hands the pending events over to be saved."""
        pending, self.pending = self.pending, ()
        return pending

    def copy(self) -> Self:
        """The same state, to be changed apart from this one."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()
