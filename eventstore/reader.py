"""Reads the log in position order without ever missing an event, although transactions commit in another order.

A position that is missing may still appear while the transaction that took it runs. Every append fixes its
transaction id before it takes positions, so once all transactions older than an id X have ended, where X was
taken after a higher position had been seen, every position up to that one is settled: there, or rolled back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from eventsourcing.persistence import Notification, Subscription
from psycopg import Connection
from psycopg.rows import TupleRow

from eventstore.codec import Recorded, decode

if TYPE_CHECKING:
    from eventstore.recorder import LogRecorder

POLL_INTERVAL_S = 0.2
_READ = "SELECT position, stream, version, type, data, metadata, recorded_at FROM log.events WHERE position > %s ORDER BY position LIMIT %s"


class LogRow(NamedTuple):
    """One row of the log, undecoded."""

    position: int
    stream: str
    version: int
    type: str
    data: bytes
    metadata: bytes
    recorded_at: datetime

    def decoded(self) -> Recorded:
        """The event of this row. Raises what eventstore.codec.decode raises."""
        event = decode(self.type, self.stream, self.version, self.data, self.recorded_at)
        return Recorded(self.position, event, self.metadata)


class Connections(Protocol):
    """Where a reader gets its connection from: a pool, or a follower's own connection."""

    def connection(self) -> AbstractContextManager[Connection[TupleRow]]:
        """A connection in autocommit for the length of one reading."""


class LogReader:
    """One reading position's knowledge about gaps. Safe for use by several threads."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._settled = 0  # everything up to here is there or was rolled back
        self._pending: tuple[int, int] | None = None  # (X, highest position seen before X was taken)

    def read(self, after: int, limit: int) -> Sequence[LogRow]:
        """Rows behind position `after`, in order, at most `limit`; stops before the first unsettled gap."""
        with self._lock, self._pool.connection() as connection:
            self._settle(connection)
            rows = _rows(connection, after, limit)
            if not rows:
                return rows
            end = self._contiguous(after, rows)
            if end < len(rows):
                self._notice_gap(connection, rows[-1].position)
                self._settle(connection)
                if rows[-1].position <= self._settled:
                    # Settled at once: nobody was writing. Read again, since the gap may have been filled meanwhile.
                    rows = _rows(connection, after, limit)
                    end = self._contiguous(after, rows)
            return rows[:end]

    def _contiguous(self, after: int, rows: Sequence[LogRow]) -> int:
        """How many of the rows come before the first gap that is not settled."""
        if rows[-1].position - after == len(rows) or rows[-1].position <= self._settled:
            return len(rows)
        expected = after
        for index, row in enumerate(rows):
            expected += 1
            if row.position != expected and row.position > self._settled:
                return index
            expected = row.position
        return len(rows)

    def _notice_gap(self, connection: Connection[TupleRow], highest: int) -> None:
        if self._pending is None:
            row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
            assert row is not None
            self._pending = (row[0], highest)

    def _settle(self, connection: Connection[TupleRow]) -> None:
        if self._pending is not None:
            row = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
            assert row is not None
            if row[0] >= self._pending[0]:
                self._settled = max(self._settled, self._pending[1])
                self._pending = None


def _rows(connection: Connection[TupleRow], after: int, limit: int) -> Sequence[LogRow]:
    with connection.cursor(binary=True) as cursor:
        cursor.execute(_READ, (after, limit))
        return [LogRow._make(row) for row in cursor]


class PollingSubscription(Subscription["LogRecorder"]):
    """The library's endless iterator over notifications, by polling."""

    def __init__(self, recorder: LogRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._waiting: list[Notification] = []

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            if self._waiting:
                notification = self._waiting.pop(0)
                self._last_notification_id = notification.id
                return notification
            self._waiting = list(
                self._recorder.select_notifications(
                    start=self._last_notification_id, limit=100, topics=self._topics, inclusive_of_start=False
                )
            )
            if not self._waiting:
                time.sleep(POLL_INTERVAL_S)
        raise StopIteration
