"""Reads the log in position order without ever missing an event, although transactions commit in another order.

A position that is missing may still appear while the transaction that took it runs. Every append fixes its
transaction id before it takes positions, so once all transactions older than an id X have ended, where X was
taken after a higher position had been seen, every position up to that one is settled: there, or rolled back.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from eventsourcing.persistence import Notification, Subscription
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.codec import Recorded, decode
from eventstore.events import Event
from eventstore.exchange import Answer
from eventstore.message import Asked, ask

if TYPE_CHECKING:
    from eventstore.recorder import LogRecorder

POLL_INTERVAL_S = 0.2
RECENT_BYTES = 4 * 2**20
ROW_BYTES = 600
"""What a row that is kept weighs beside its payload, about."""

_position = attrgetter("position")


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
        position, stream, version, type_name, data, metadata, recorded_at = self
        return _recorded((position, decode(type_name, stream, version, data, recorded_at), metadata))


_COLUMNS = f"SELECT {', '.join(LogRow._fields)} FROM log.events WHERE "
_READ = f"{_COLUMNS}position > %s ORDER BY position LIMIT %s".encode()

# Without the detour over Python that the classes themselves take: each event of a rebuild comes by both.
_recorded: Callable[[tuple[int, Event, bytes]], Recorded] = partial(tuple.__new__, Recorded)
_log_row: Callable[[TupleRow], LogRow] = partial(tuple.__new__, LogRow)


class SettledLog:
    """The log as far as its order is settled, read by one thread after the other. Knows the gaps."""

    def __init__(self) -> None:
        self._settled = 0  # everything up to here is there or was rolled back
        self._pending: tuple[int, int] | None = None  # (X, highest position seen before X was taken)

    def read(self, connection: Connection[TupleRow], after: int, limit: int) -> Sequence[LogRow]:
        """Rows behind position `after`, in order, at most `limit`; stops before the first unsettled gap."""
        self._settle(connection)
        rows = _rows(ask(connection, _READ, (after, limit)))
        if not rows:
            return rows
        end = self._contiguous(after, rows)
        if end < len(rows):
            self._notice_gap(connection, rows[-1].position)
            self._settle(connection)
            if rows[-1].position <= self._settled:
                # Settled at once: nobody was writing. Read again, since the gap may have been filled meanwhile.
                rows = _rows(ask(connection, _READ, (after, limit)))
                end = self._contiguous(after, rows)
        return rows[:end]

    def joins(self, after: int, rows: Sequence[LogRow]) -> bool:
        """Whether there are rows, and no gap before or between them that is not settled."""
        return bool(rows) and self._contiguous(after, rows) == len(rows)

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


def _rows(question: Answer | Asked) -> Sequence[LogRow]:
    return list(map(_log_row, question.fetchall()))


def row_at(connection: Connection[TupleRow], position: int) -> LogRow | None:
    """The row at a position, if there is one."""
    found = rows_where(connection, "position = %s", (position,))
    return found[0] if found else None


def rows_of(connection: Connection[TupleRow], stream: str, until: int | datetime | None = None) -> Sequence[LogRow]:
    """A stream's rows in order, all or those up to a version or a time."""
    narrowed = "" if until is None else " AND version <= %(until)s" if isinstance(until, int) else " AND recorded_at <= %(until)s"
    return rows_where(connection, f"stream = %(stream)s{narrowed} ORDER BY position", {"stream": stream, "until": until})


def rows_of_types(connection: Connection[TupleRow], streams: Sequence[str], types: Sequence[str]) -> Sequence[LogRow]:
    """The rows of these types in these streams, in the order of versions; those whose content was forgotten are left out."""
    condition = "stream = ANY(%s) AND type = ANY(%s) AND length(data) > 0 ORDER BY version"
    return rows_where(connection, condition, (list(streams), list(types)))


def newest_positions(connection: Connection[TupleRow], limit: int) -> Sequence[int]:
    """The positions of the newest rows, settled or not, the newest first."""
    rows = connection.execute("SELECT position FROM log.events ORDER BY position DESC LIMIT %s", (limit,)).fetchall()
    return [position for (position,) in rows]


def rows_where(connection: Connection[TupleRow], condition: str, params: Sequence[object] | Mapping[str, object]) -> Sequence[LogRow]:
    """The rows that a condition names, settled or not. What stands behind WHERE, with its order and limit, is SQL of the caller's."""
    with connection.cursor(binary=True) as cursor:
        return list(map(_log_row, cursor.execute((_COLUMNS + condition).encode(), params)))


class LogAhead:
    """The settled log for one thread that reads all of it: the next rows are asked for while it works on those that it has.

    Nothing else may use the connection.
    """

    def __init__(self, log: SettledLog, connection: Connection[TupleRow]) -> None:
        self._log = log
        self._connection = connection
        self._asked: Asked | None = None

    def read(self, after: int, limit: int) -> Sequence[LogRow]:
        """See SettledLog.read. Once begun, each call goes on behind the last one's rows."""
        rows = _rows(self._asked) if self._asked is not None else ()
        self._asked = None
        # What has been settled was so before the rows were asked for. Behind a gap that has not, they are asked for anew.
        if not self._log.joins(after, rows):
            rows = self._log.read(self._connection, after, limit)
        if len(rows) == limit:
            self._asked = Asked(self._connection, _READ, (rows[-1].position, limit))
        return rows


class LogReader:
    """The settled log over a pool. Safe for use by several threads."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]]) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._log = SettledLog()

    def read(self, after: int, limit: int) -> Sequence[LogRow]:
        """See SettledLog.read. After an error nothing is known any more: the log may then be another one, restored from a backup."""
        with self._lock:
            try:
                with self._pool.connection() as connection:
                    return self._log.read(connection, after, limit)
            except psycopg.Error:
                self._log = SettledLog()
                raise


class RecentLog:
    """The settled log for several threads that all follow its end: what one of them has read, the others need not ask for again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Nothing is known any more: after a lost connection it may be another log, restored from a backup."""
        with self._lock:
            self._log = SettledLog()
            self._rows: list[LogRow] = []
            self._weight = 0  # Bytes that the rows take, about.
            self._after = 0  # The rows are all there is behind this position, as far as it was read.

    def read(self, connection: Connection[TupleRow], after: int, limit: int) -> Sequence[LogRow]:
        """See SettledLog.read."""
        with self._lock:
            if self._rows and self._after <= after < self._rows[-1].position:
                start = bisect_right(self._rows, after, key=_position)
                return self._rows[start : start + limit]
            rows = self._log.read(connection, after, limit)
            if rows and rows[-1].position > (self._rows[-1].position if self._rows else 0):
                self._keep(after, rows)
            return rows

    def _keep(self, after: int, rows: Sequence[LogRow]) -> None:
        if not self._rows or self._rows[-1].position != after:
            self._after, self._rows, self._weight = after, [], 0
        self._rows.extend(rows)
        self._weight += sum(map(_weight, rows))
        if self._weight > RECENT_BYTES:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Makes more room than is needed at once, so that it is not made at each read."""
        dropped = 0
        while self._weight > RECENT_BYTES // 2:
            self._weight -= _weight(self._rows[dropped])
            dropped += 1
        self._after = self._rows[dropped - 1].position
        del self._rows[:dropped]


def _weight(row: LogRow) -> int:
    return ROW_BYTES + len(row.data) + len(row.metadata)


class PollingSubscription(Subscription["LogRecorder"]):
    """The library's endless iterator over notifications, by polling. Part of its interface; the product follows RecentLog."""

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
