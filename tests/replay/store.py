"""A log with read models, and the shortest way to append events to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from commands.aggregate import Aggregate
from commands.context import Context
from commands.handling import Handling
from commands.lookups import Lookups
from eventstore.application import Log
from eventstore.database import sync_pool
from eventstore.events import Event
from eventstore.migrate import migrate
from projections.base import Projection
from projections.inline import InlineProjections
from projections.lookups import SqlLookups
from projections.schema import create_missing


class Stream(Aggregate):
    """Any stream, without rules: its name is given whole."""

    kind = "any"


@dataclass
class Store:
    """A database with a log and the tables of some projections."""

    conninfo: str
    projections: Sequence[Projection]
    pool: ConnectionPool[Connection[TupleRow]]
    commands: Handling[Lookups]

    def append(self, stream: str, *story: tuple[type[Event], dict[str, Any]]) -> int:
        """Appends events to a stream, inline rows with them; returns the last position."""

        def decide(work: Any) -> None:
            aggregate = work.aggregates[stream] = Stream(stream)
            aggregate.version = self.value("SELECT coalesce(max(version), 0) FROM log.events WHERE stream = %s", stream)
            for event_type, payload in story:
                aggregate.trigger(event_type, datetime.now(UTC), **payload)

        return self.commands.run(decide, Context(actor=None, channel="system")).positions[-1]

    def rows(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        """What a statement yields; nothing for one that yields no rows."""
        with self.pool.connection() as connection:
            cursor = connection.execute(sql.encode(), params)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql: str, *params: object) -> Any:
        """The first value of the answer."""
        return self.rows(sql, *params)[0][0]

    def wait_until(self, sql: str, *params: object, timeout_s: float = 20.0) -> None:
        """Returns once the statement yields true; fails when that does not come."""
        for _ in range(int(timeout_s / 0.02)):
            if self.value(sql, *params):
                return
            threading.Event().wait(0.02)
        raise AssertionError(f"never became true: {sql} {params}")


@contextmanager
def open_store(conninfo: str, projections: Sequence[Projection]) -> Iterator[Store]:
    """Migrates the database, makes the tables and opens the log."""
    migrate(conninfo)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        create_missing(connection, projections)
    pool = sync_pool(conninfo, size=8, name="test")
    with pool:
        log = Log(pool)
        commands: Handling[Lookups] = Handling(log, SqlLookups(pool), InlineProjections(projections))
        yield Store(conninfo, projections, pool, commands)
        log.close()


@contextmanager
def running(*loops: Any) -> Iterator[threading.Event]:
    """Runs loops in threads for the length of a block; yields what stops them."""
    stop = threading.Event()
    threads = [threading.Thread(target=loop.run, args=(stop,)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
