"""Side effects that follow the log or the clock: at least once, one process at a time, never in a rebuild.

A reactor that must not do a thing twice keeps its own record of what was confirmed: after a crash between the effect
and the storing of the position, the same event comes again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from eventstore.codec import Recorded
from eventstore.events import EVENT_TYPES, Event
from eventstore.reader import LogRow
from projections.loops import HEARTBEAT_S, LogHead, Loop, Pausing
from projections.parking import PAGE, Parked, add_parked, describe, parked_streams, waiting_rows

S_contra = TypeVar("S_contra", contravariant=True)

BATCH = 200
TRIES = 5
PARKED_NAME = "reactor:"
"""Before a reactor's name in log.parked_streams."""

_PARKED_AT = "SELECT position FROM log.parked_streams WHERE projection = %s AND stream = %s FOR UPDATE"
_AT_THE_HEAD = """
UPDATE log.reactors SET ticked_at = now(), position = (SELECT coalesce(max(position), 0) FROM log.events) WHERE name = %s"""

log = structlog.get_logger("notechondria.reactors")


class TryLater(Pausing):
    """Raised by a reactor when the world outside is away: the same event is tried until it works, others wait."""


@dataclass(frozen=True)
class Reactor(Generic[S_contra]):
    """Does something about events of some types. Any exception but TryLater is tried a few times and then parks the stream."""

    name: str
    handles: tuple[type[Event], ...]
    react: Callable[[Recorded, S_contra], None]


@dataclass(frozen=True)
class Periodic(Generic[S_contra]):
    """Does something every so often, and once when the process starts, or so much later.

    What may take long yields between its pieces, each of which takes seconds at most: the loop says then that it is well, and looks
    whether it shall stop.
    """

    name: str
    every: timedelta
    act: Callable[[S_contra], Iterator[None] | None]
    first_after: timedelta = timedelta()


def register(connection: Connection[TupleRow], reactors: Iterable[Reactor[Any] | Periodic[Any]]) -> None:
    """Gives each new reactor its place at the present head: it does not react to what was before it."""
    for reactor in reactors:
        connection.execute(
            "INSERT INTO log.reactors (name, position) SELECT %s, coalesce(max(position), 0) FROM log.events ON CONFLICT DO NOTHING",
            (reactor.name,),
        )


class ReactorLoop(Loop):
    """Runs one reactor."""

    batch = BATCH

    def __init__(self, reactor: Reactor[Any], services: Any, conninfo: str, head: LogHead) -> None:
        super().__init__(reactor.name, conninfo, head)
        self.reactor = reactor
        self.position = 0
        self._stored = 0
        self._services = services
        self._types = {event_type.__name__ for event_type in reactor.handles}
        self._failing: tuple[int, int] = (0, 0)  # (position, how often it failed)

    def start(self) -> None:
        """Finds its position."""
        self._head.log.forget()
        register(self.connection, [self.reactor])
        row = self.connection.execute("SELECT position FROM log.reactors WHERE name = %s", (self.name,)).fetchone()
        assert row is not None
        self.position = self._stored = row[0]

    def step(self) -> int:
        """Reacts to the next events, one by one, storing the position after each effect; what does not concern it is stored at leisure."""
        batch = self._head.log.read(self.connection, self.position, self.batch)
        if not batch:
            if self._stored != self.position:
                self.tick()
            return 0
        relevant = [row for row in batch if row.type in self._types or row.type not in EVENT_TYPES]
        waiting = {parked.stream for parked in parked_streams(self.connection, PARKED_NAME + self.name)} if relevant else set()
        for row in relevant:
            if self.stop.is_set():
                break
            if not (row.stream in waiting and self._step_over(row)) and not self._react(row):
                waiting.add(row.stream)
            self.position = row.position
            self.tick()
        else:
            self.position = batch[-1].position
        return len(batch)

    def _step_over(self, row: LogRow) -> bool:
        """Leaves the event to a retry of its stream, unless one has freed the stream meanwhile."""
        with self.connection.transaction():
            # The lock and the position commit together, so that the retry sees this event before it lets the stream go.
            if self.connection.execute(_PARKED_AT, (PARKED_NAME + self.name, row.stream)).fetchone() is None:
                return False
            self.position = row.position
            self.tick()
            return True

    def _react(self, row: LogRow) -> bool:
        try:
            self.reactor.react(row.decoded(), self._services)
        except (Pausing, psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:
            position, failures = self._failing
            failures = failures + 1 if position == row.position else 1
            self._failing = (row.position, failures)
            if failures < TRIES:
                raise
            add_parked(self.connection, PARKED_NAME + self.name, row, error)
            log.exception("stream parked", reactor=self.name, stream=row.stream, position=row.position, type=row.type)
            return False
        return True

    def rest(self) -> None:
        """Waits for the head to move."""
        self._head.rest(self.position, self.stop)

    def tick(self) -> None:
        """Stores the position, with the heartbeat."""
        self.connection.execute("UPDATE log.reactors SET position = %s, ticked_at = now() WHERE name = %s", (self.position, self.name))
        self._stored = self.position


_OVER = object()


class PeriodicLoop(Loop):
    """Runs one periodic reactor."""

    def __init__(self, reactor: Periodic[Any], services: Any, conninfo: str, head: LogHead) -> None:
        super().__init__(reactor.name, conninfo, head)
        self.reactor = reactor
        self._services = services
        self._first = time.monotonic() + reactor.first_after.total_seconds()
        self._due = self._first
        self._pieces: Iterator[None] | None = None

    def start(self) -> None:
        """Acts at once, or when that is due for the first time, then as often as declared."""
        register(self.connection, [self.reactor])
        self._due = self._first
        self._pieces = None

    def step(self) -> int:
        """Acts when it is time to, one piece at a time."""
        if self._pieces is None:
            if time.monotonic() < self._due:
                return 0
            self._pieces = iter(self.reactor.act(self._services) or ())
        if next(self._pieces, _OVER) is _OVER:
            self._pieces = None
            self._due = time.monotonic() + self.reactor.every.total_seconds()
        return 1

    def rest(self) -> None:
        """Waits for its time, waking for the heartbeat."""
        self.stop.wait(max(0.0, min(HEARTBEAT_S, self._due - time.monotonic())))

    def tick(self) -> None:
        """Notes the heartbeat. It looks at the present state of things, so it has come as far as the log."""
        self.connection.execute(_AT_THE_HEAD, (self.name,))


def loop_for(reactor: Reactor[Any] | Periodic[Any], services: Any, conninfo: str, head: LogHead) -> Loop:
    """The loop that runs this reactor."""
    if isinstance(reactor, Reactor):
        return ReactorLoop(reactor, services, conninfo, head)
    return PeriodicLoop(reactor, services, conninfo, head)


def retry_reactor(connection: Connection[TupleRow], reactor: Reactor[Any], services: Any) -> tuple[list[str], list[Parked]]:
    """Reacts to what waits, stream by stream; returns the streams that are free again and those that still wait."""
    name = PARKED_NAME + reactor.name
    waiting = parked_streams(connection, name)
    freed = [parked.stream for parked in waiting if _retry(connection, reactor, services, parked.stream)]
    return freed, parked_streams(connection, name) if waiting else []


def _retry(connection: Connection[TupleRow], reactor: Reactor[Any], services: Any, stream: str) -> bool:
    key = (PARKED_NAME + reactor.name, stream)
    types = {event_type.__name__ for event_type in reactor.handles}
    reached = 0
    while True:
        with connection.transaction():
            parked = connection.execute(_PARKED_AT, key).fetchone()
            if parked is None:
                return True
            waiting = _waiting(connection, reactor.name, stream, max(reached + 1, parked[0]))
            if not waiting:
                connection.execute("DELETE FROM log.parked_streams WHERE projection = %s AND stream = %s", key)
                return True
        for row in waiting:
            if row.type in types:
                try:
                    reactor.react(row.decoded(), services)
                except Exception as error:  # noqa: BLE001 - told to the operator, who decides
                    connection.execute(
                        "UPDATE log.parked_streams SET position = %s, error = %s, parked_at = now() WHERE projection = %s AND stream = %s",
                        (row.position, describe(error), *key),
                    )
                    return False
            reached = row.position


def _waiting(connection: Connection[TupleRow], reactor: str, stream: str, since: int) -> Sequence[LogRow]:
    """The stream's next events that the loop has stepped over."""
    found = connection.execute("SELECT position FROM log.reactors WHERE name = %s", (reactor,)).fetchone()
    return waiting_rows(connection, stream, since, found[0] if found else 0, PAGE)
