"""Whatever follows the log, runs as one of these loops: under a lease, with a heartbeat, healing by itself."""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from eventstore.database import SETTINGS, UNPREPARED, reachable
from eventstore.reader import RecentLog

LEASES = 7266105
"""First half of the advisory locks by which one process at a time runs a loop; the second half is the name's hash."""
POLL_S = 0.2
HEARTBEAT_S = 5.0
LONGEST_PAUSE_S = 10.0
RESTS_PER_STEP = 2
"""A loop with much to do rests twice as long as it works: while requests come in fast, they have the processors and the database."""
REST_PER_EVENT_S = 0.001
"""And so long for each event that it took, unless more were waiting than it takes at once: what comes fast is then taken up together,
and a note that is saved again and again is worked out once.
"""
LONGEST_REST_S = 1.0

log = structlog.get_logger("notechondria.following")


class Pausing(Exception):
    """Nothing is wrong with an event, but there is no getting on at present: the loop waits and tries again."""


class LogHead:
    """The newest position of the log, asked for by one thread for all loops of the process, which wait for it to move."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._moved = threading.Condition()
        self._position = 0
        self._calls = 0
        self.log = RecentLog()
        """For the loops of the process to read from, each on its own connection."""

    def rest(self, position: int, stop: threading.Event) -> None:
        """Waits for the head to move beyond a position; while an unfinished transaction leaves a gap, for that to close."""
        if self.position > position:
            stop.wait(POLL_S / 4)
        else:
            self.wait_beyond(position, HEARTBEAT_S)

    def run(self, stop: threading.Event) -> None:
        """Polls until it is told to stop."""
        while not stop.is_set():
            try:
                with connect(self._conninfo, "notechondria-head") as connection:
                    while not stop.wait(POLL_S):
                        row = connection.execute("SELECT coalesce(max(position), 0) FROM log.events").fetchone()
                        assert row is not None
                        if row[0] != self._position:
                            self._announce(row[0])
            except psycopg.Error as error:
                log.warning("cannot ask for the head of the log", error=_brief(error))
                stop.wait(1.0)
        self._announce(self._position)

    def wake(self) -> None:
        """Wakes all waiting loops, to see that they shall stop."""
        self._announce(self._position)

    def wait_beyond(self, position: int, timeout_s: float) -> None:
        """Returns when there may be something behind this position, at the latest after the timeout."""
        with self._moved:
            calls = self._calls
            self._moved.wait_for(lambda: self._calls != calls or self._position > position, timeout_s)

    def _announce(self, position: int) -> None:
        with self._moved:
            self._position = position
            self._calls += 1
            self._moved.notify_all()

    @property
    def position(self) -> int:
        """The newest position seen so far."""
        return self._position


class Loop(ABC):
    """One consumer, to be run in a thread of its own. Only the process that holds the lease of its name works."""

    settings = SETTINGS
    """Options of its connection."""
    batch = 1
    """So many events it takes at once."""

    def __init__(self, name: str, conninfo: str, head: LogHead) -> None:
        self.name = name
        self._conninfo = conninfo
        self._head = head
        self._ticked = 0.0
        self._failures = 0
        self.stop = threading.Event()
        self.connection: Connection[TupleRow]

    def run(self, stop: threading.Event) -> None:
        """Works until it is told to stop. Lease and work share one connection, so that losing it loses both."""
        self.stop = stop
        while not stop.is_set():
            try:
                with connect(self._conninfo, f"notechondria-{self.name}", self.settings) as connection:
                    self.connection = connection
                    if self._lease():
                        log.info("following the log", follower=self.name)
                        self.start()
                        self._work()
            except Exception as error:
                # A loop that ends would be worse than any error.
                self._failures += 1
                pause = min(LONGEST_PAUSE_S, 0.1 * 2 ** min(self._failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311
                expected = isinstance(error, (psycopg.Error, Pausing))
                log.warning("cannot follow the log, trying again", follower=self.name, error=_brief(error), exc_info=not expected)
                stop.wait(pause)

    def _lease(self) -> bool:
        while not self.stop.is_set():
            row = self.connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (LEASES, self.name)).fetchone()
            if row is not None and row[0]:
                return True
            self.stop.wait(1.0)
        return False

    def _work(self) -> None:
        self._ticked = 0.0
        while not self.stop.is_set():
            began = time.monotonic()
            taken = self.step()
            took = time.monotonic() - began
            self._failures = 0
            if time.monotonic() - self._ticked >= HEARTBEAT_S:
                self.tick()
                self._ticked = time.monotonic()
            if taken:
                gathering = taken * REST_PER_EVENT_S if taken < self.batch else 0.0
                self.stop.wait(min(max(took * RESTS_PER_STEP, gathering), LONGEST_REST_S))
            else:
                self.rest()

    @abstractmethod
    def start(self) -> None:
        """The lease was taken."""

    @abstractmethod
    def step(self) -> int:
        """Does one piece of work; returns how many events it took up, 0 when there was nothing to do."""

    @abstractmethod
    def rest(self) -> None:
        """Waits until there may be work."""

    @abstractmethod
    def tick(self) -> None:
        """Notes in the database that the loop is well, which health looks at. Not called while steps fail."""


def connect(conninfo: str, name: str, settings: str = SETTINGS) -> Connection[TupleRow]:
    """A connection of its own in autocommit."""
    return psycopg.connect(conninfo, autocommit=True, options=settings, application_name=name, **UNPREPARED, **reachable(conninfo))


def _brief(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
