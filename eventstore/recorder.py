"""Appends to and reads from the log, behind the library's recorder interfaces.

No table lock and no NOTIFY inside the append; order for followers comes from the gap-aware reader.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    Notification,
    StoredEvent,
    Subscription,
)
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.codec import LogEvent
from eventstore.reader import LogReader, PollingSubscription

_APPEND = "SELECT log.append(%s, %s::text[], %s::int[], %s::text[], %s::bytea[], %s, %s::timestamptz[])"
_GUARD = "SELECT log.guard(%s)"
_SELECT = "SELECT stream, version, type, data, recorded_at FROM log.events WHERE stream = %s"
_MINE = "SELECT position FROM log.events WHERE stream = %s AND version = %s AND metadata = %s"

RETRIES_AFTER_LOST_CONNECTION = 3
READ_MODELS_REPLACED = "NC001"
"""SQLSTATE that log.guard raises."""


class VersionConflict(IntegrityError):
    """Somebody else appended to this stream first."""


class UniqueConflict(IntegrityError):
    """A unique rule of a read model refused the change; `constraint` names it."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class ReadModelsReplaced(psycopg.OperationalError):
    """Another release has rebuilt the inline read models: this process may not write any more, only a newer one may."""


class Alongside(Protocol):
    """What commits in one transaction with the events: inline rows, the answer, the idempotency record."""

    inline_projections: str | None
    """Names and versions of the inline projections that write() was made for; None writes no rows."""
    needs_rows: bool
    """Whether load() has to be called before write()."""

    def load(self, connection: Connection[TupleRow]) -> None:
        """Reads the rows that the events change. Costs one round trip."""

    def write(self, connection: Connection[TupleRow]) -> None:
        """Queues the statements; nothing may be fetched here, the whole append travels as one message."""


class LogRecorder(ApplicationRecorder):
    """The events of all aggregates, in one table."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]]) -> None:
        self.pool = pool
        self._reader: LogReader | None = None

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        metadata: bytes = b"{}",
        alongside: Callable[[], Alongside] | None = None,
        **kwargs: Any,
    ) -> Sequence[int] | None:
        """Appends all events, and what goes alongside, in one transaction; returns the events' positions.

        `metadata` must be unique per command: after a connection that was lost during the commit, it tells
        our own success from a conflict. Raises VersionConflict or UniqueConflict; nothing is stored then.
        """
        if not stored_events and alongside is None:
            return None
        for attempt in range(RETRIES_AFTER_LOST_CONNECTION + 1):
            try:
                return self._append(stored_events, metadata, alongside() if alongside else None)
            except psycopg.errors.UniqueViolation as error:
                constraint = error.diag.constraint_name or ""
                if constraint != "events_stream_version":
                    raise UniqueConflict(constraint) from error
                if attempt and (positions := self._own_positions(stored_events, metadata)):
                    return positions
                raise VersionConflict(str(error)) from error
            except psycopg.DatabaseError as error:
                if error.sqlstate == READ_MODELS_REPLACED:
                    raise ReadModelsReplaced(str(error)) from error
                if not isinstance(error, psycopg.OperationalError):
                    raise
                if attempt == RETRIES_AFTER_LOST_CONNECTION:
                    raise
                time.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def _append(
        self, events: Sequence[StoredEvent], metadata: bytes, alongside: Alongside | None
    ) -> Sequence[int] | None:
        inline = alongside.inline_projections if alongside else None
        with self.pool.connection() as connection:
            appended: Cursor[TupleRow] | None = None
            with ExitStack() as transaction:
                # Everything from BEGIN to COMMIT leaves as one message, unless rows have to be read first.
                transaction.enter_context(connection.pipeline())
                transaction.enter_context(connection.transaction())
                if alongside and alongside.needs_rows:
                    connection.execute(_GUARD, (inline,))
                    alongside.load(connection)
                if events:
                    appended = connection.cursor(binary=True)
                    appended.execute(
                        _APPEND,
                        (
                            inline,
                            [str(event.originator_id) for event in events],
                            [event.originator_version for event in events],
                            [event.topic for event in events],
                            [event.state for event in events],
                            metadata,
                            [_recorded_at(event) for event in events],
                        ),
                    )
                if alongside:
                    alongside.write(connection)
            return [position for (position,) in appended] if appended else []

    def _own_positions(self, events: Sequence[StoredEvent], metadata: bytes) -> list[int]:
        positions = []
        with self.pool.connection() as connection:
            for event in events:
                row = connection.execute(
                    _MINE, (str(event.originator_id), event.originator_version, metadata)
                ).fetchone()
                if row is None:
                    return []
                positions.append(row[0])
        return positions

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of one stream, in order of version."""
        query, parameters = _narrowed(_SELECT, originator_id, gt, lte, desc, limit)
        with self.pool.connection() as connection, connection.cursor(binary=True) as cursor:
            cursor.execute(query, parameters)
            return [
                LogEvent(originator_id=stream, originator_version=version, topic=type_name, state=data, recorded_at=at)
                for stream, version, type_name, data, at in cursor
            ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events in position order, as far as that order is settled."""
        if self._reader is None:
            self._reader = LogReader(self.pool)
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        found: list[Notification] = []
        while len(found) < limit:
            rows = self._reader.read(after, max(limit, 100))
            if not rows:
                break
            for row in rows:
                after = row.position
                if stop is not None and row.position > stop:
                    return found
                if len(found) < limit and (not topics or row.type in topics):
                    found.append(
                        Notification(
                            originator_id=row.stream,
                            originator_version=row.version,
                            topic=row.type,
                            state=row.data,
                            id=row.position,
                        )
                    )
        return found

    def max_notification_id(self) -> int | None:
        """The head of the log: the newest visible position, None for an empty log."""
        with self.pool.connection() as connection:
            row = connection.execute("SELECT max(position) FROM log.events").fetchone()
        return row[0] if row else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """An endless iterator over the settled log, polling."""
        return PollingSubscription(self, gt, topics)


class SnapshotRecorder(AggregateRecorder):
    """Snapshots of long streams: the newest, kept in place of older ones."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]]) -> None:
        self.pool = pool

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        """Stores snapshots. Raises the library's IntegrityError when one is there already."""
        try:
            with self.pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO log.snapshots (stream, version, type, data) VALUES (%s, %s, %s, %s)",
                    [(str(s.originator_id), s.originator_version, s.topic, s.state) for s in stored_events],
                )
        except psycopg.errors.UniqueViolation as error:
            raise IntegrityError(str(error)) from error

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The stored snapshots of one stream, in order of version."""
        query, parameters = _narrowed(
            "SELECT stream, version, type, data FROM log.snapshots WHERE stream = %s",
            originator_id, gt, lte, desc, limit,
        )  # fmt: skip
        with self.pool.connection() as connection, connection.cursor(binary=True) as cursor:
            cursor.execute(query, parameters)
            return [
                StoredEvent(originator_id=stream, originator_version=version, topic=type_name, state=data)
                for stream, version, type_name, data in cursor
            ]


def _recorded_at(event: StoredEvent) -> datetime | None:
    return event.recorded_at if isinstance(event, LogEvent) else None


def _narrowed(
    query: str, stream: UUID | str, gt: int | None, lte: int | None, desc: bool, limit: int | None
) -> tuple[str, list[object]]:
    parameters: list[object] = [str(stream)]
    if gt is not None:
        query += " AND version > %s"
        parameters.append(gt)
    if lte is not None:
        query += " AND version <= %s"
        parameters.append(lte)
    query += " ORDER BY version DESC" if desc else " ORDER BY version"
    if limit is not None:
        query += " LIMIT %s"
        parameters.append(limit)
    return query, parameters
