"""Appends, commits, rollbacks, conflicts and restarts in any order: a follower is given what was committed, in order, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import count

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import TupleRow

from eventstore.database import sync_pool
from eventstore.migrate import migrate
from eventstore.reader import LogAhead, LogReader, LogRow, SettledLog
from eventstore.recorder import LogRecorder, VersionConflict
from projections.loops import connect
from tests.concurrency.writers import append
from tests.log.clusters import Pool, fresh_database
from tests.log.events import renamed

WRITERS = 3
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["take", "begin", "commit", "roll back"]), st.integers(0, WRITERS - 1)),
        st.tuples(st.sampled_from(["append", "conflict", "restart"]), st.just(0)),
        st.tuples(st.just("read"), st.integers(1, 4)),
    ),
    min_size=5,
    max_size=40,
)
Reading = Callable[[int, int], Sequence[LogRow]]
_streams = count(1)


class Log:
    """Some writers whose transactions are open for as long as the steps say, and a follower that may start again anywhere."""

    def __init__(self, pool: Pool, writers: list[psycopg.Connection[TupleRow]], start_reading: Callable[[], Reading]) -> None:
        self.pool = pool
        self.start_reading = start_reading
        self.writers = writers
        self.recorder = LogRecorder(pool)
        self.committed: set[str] = set()
        self.open: dict[int, list[str]] = {}
        self.reading = start_reading()
        self.seen: list[LogRow] = []
        self.start = self.recorder.max_notification_id() or 0
        """Where this example begins: the examples share one log."""

    def take(self, step: str, which: int) -> None:
        """One step."""
        match step:
            case "begin":
                # Work of another kind gives the transaction its id before it takes a position.
                if which not in self.open:
                    self.writers[which].execute("SELECT pg_current_xact_id()")
                    self.open[which] = []
            case "take":
                stream = f"page-{next(_streams)}"
                append(self.writers[which], [renamed(stream, 1), renamed(stream, 2)])
                self.open.setdefault(which, []).append(stream)
            case "commit":
                self.writers[which].commit()
                self.committed.update(self.open.pop(which, []))
            case "roll back":
                self.writers[which].rollback()
                self.open.pop(which, None)
            case "append":
                stream = f"page-{next(_streams)}"
                self.recorder.insert_events([renamed(stream, 1), renamed(stream, 2)])
                self.committed.add(stream)
            case "conflict":
                if self.committed:
                    with pytest.raises(VersionConflict):
                        self.recorder.insert_events([renamed(f"page-{next(_streams)}", 1), renamed(min(self.committed), 2)])
            case "restart":
                self.reading = self.start_reading()
            case _:
                self.read(which)

    def read(self, limit: int) -> int:
        """What the follower is given next."""
        rows = self.reading(self.seen[-1].position if self.seen else self.start, limit)
        self.seen += rows
        return len(rows)


@pytest.fixture(scope="module")
def shared_log(each_postgres_url: str) -> Iterator[tuple[str, Pool]]:
    for url in fresh_database(each_postgres_url):
        migrate(url)
        with sync_pool(url, size=2, name="tests") as pool:
            # A connection that comes later draws from the random numbers that hypothesis watches while it makes up an example.
            pool.wait()
            yield url, pool


@pytest.mark.parametrize("ahead", [False, True])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_follower_is_given_what_was_committed_whatever_the_order(
    shared_log: tuple[str, Pool], ahead: bool, steps: list[tuple[str, int]]
) -> None:
    url, pool = shared_log
    with ExitStack() as stack:
        writers = [stack.enter_context(psycopg.connect(url)) for _ in range(WRITERS)]

        def read_ahead() -> Reading:
            return LogAhead(SettledLog(), stack.enter_context(closing(connect(url, "ahead")))).read

        log = Log(pool, writers, read_ahead if ahead else lambda: LogReader(pool).read)
        for step, which in steps:
            log.take(step, which)
        for which in range(WRITERS):
            log.take("roll back" if which % 2 else "commit", which)
        while log.read(3):
            pass
        positions = [row.position for row in log.seen]
        assert positions == sorted(set(positions))
        assert [(row.stream, row.version) for row in log.seen] == stored(pool, log.start)
        assert {row.stream for row in log.seen} == log.committed


def stored(pool: Pool, after: int) -> list[tuple[str, int]]:
    """What the log holds, in order."""
    with pool.connection() as connection:
        return connection.execute("SELECT stream, version FROM log.events WHERE position > %s ORDER BY position", (after,)).fetchall()
