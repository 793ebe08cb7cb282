"""Appends to and reads from the log, behind the library's recorder interfaces.

No table lock and no NOTIFY inside the append; order for followers comes from the gap-aware reader.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    StoredEvent,
    Subscription,
)
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.codec import LogEvent
from eventstore.database import connection_lost, passing, reading
from eventstore.exchange import Answer
from eventstore.forgetting import Forgetting, queue
from eventstore.identifiers import unique_id
from eventstore.message import Message, ask
from eventstore.reader import LogReader, PollingSubscription

# In binary, because bytes as text are twice as long.
_APPEND = b"SELECT log.append(%s, %b::text[], %b::int[], %b::text[], %b::bytea[], %b, %b::timestamptz[], %s, %s)"
_ARRAYS = re.compile(rb"%b::([a-z]+)\[\]")
_APPEND_ONE = b"SELECT log.append_one(%s, %s, %s, %s, %b, %b, %s, %s, %s)"
# As log.actor finds it.
_ACTOR = re.compile(rb'\{(?:"key": ?"[^"\\]*", ?)?"actor": ?([0-9]{1,18})[,}]')
_SELECT = "SELECT stream, version, type, data, recorded_at FROM log.events WHERE stream = %s"
_SELECT_SEVERAL = b"""
SELECT e.stream, e.version, e.type, e.data, e.recorded_at FROM unnest(%s::text[], %s::int[], %s::int[]) known (stream, version, last)
JOIN log.events e ON e.stream = known.stream AND e.version > known.version AND e.version <= known.last
ORDER BY e.stream, e.version"""
_HEAD = "SELECT max(position) FROM log.events"
_MINE = "SELECT position FROM log.events WHERE stream = %s AND version = %s AND metadata = %s"

NEWEST = 2**31 - 1
"""No version is higher."""
FEW_EVENTS = 8
"""Up to so many events of one append travel value by value, which the driver turns into bytes sooner than arrays."""
RETRIES = 3
"""After a lost connection or a deadlock."""
READ_MODELS_REPLACED = "NC001"
READ_MODELS_REBUILT = "NC002"
"""SQLSTATEs that log.guard raises."""
CONDITION_FAILED = "NC004"
"""SQLSTATE that log.require raises."""
WRITER_ERASED = "NC005"
"""SQLSTATE that log.append, log.append_one and log.keeping raise."""


class VersionConflict(IntegrityError):
    """Somebody else appended to this stream first, or changed what the command requires."""


class UniqueConflict(IntegrityError):
    """A unique rule of a read model refused the change; `constraint` names it."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class ReadModelsReplaced(psycopg.OperationalError):
    """Another release has rebuilt the inline read models: this process may not write any more, only a newer one may."""


class WriterErased(Exception):
    """The account that acts is being erased, or gone: it writes nothing any more."""


class Alongside(Protocol):
    """What commits in one transaction with the events: inline rows, the answer, the idempotency record."""

    @property
    def inline_projections(self) -> str | None:
        """Names and versions of the inline projections that write() was made for; None writes no rows."""

    def committed(self) -> None:
        """The transaction is stored."""

    def rebuilt(self) -> None:
        """The inline tables were swapped by a rebuild: what was remembered of them is void. A new attempt follows."""

    def load(self, message: Message) -> None:
        """Reads what has to be known before anything is written; asks nothing if it is known, for that costs a round trip."""

    def write(self, message: Message) -> None:
        """Queues the statements."""


class LogRecorder(ApplicationRecorder):
    """The events of all aggregates, in one table."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]]) -> None:
        self.pool = pool
        self._reader: LogReader | None = None

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        metadata: bytes | None = None,
        alongside: Callable[[], Alongside] | None = None,
        forgetting: Sequence[Forgetting] = (),
        again: Callable[[Message], None] | None = None,
        **_: Any,
    ) -> Sequence[int] | None:
        """Appends all events, and what goes alongside, in one transaction; returns the events' positions.

        metadata: unique per command; after a connection that was lost during the commit, it tells our own success
        from a conflict.
        alongside: called per attempt for what else the transaction holds.
        forgetting: older events that are overwritten in this transaction.
        again: called, on another connection, when an attempt whose connection was lost turns out to have been committed:
        whatever that attempt read is gone and has to be read anew.
        Raises VersionConflict, UniqueConflict or WriterErased, and psycopg's OperationalError when the database is away, full or
        shutting down; nothing is stored then, unless the connection was lost in the commit and did not come back.
        """
        if not stored_events and alongside is None and not forgetting:
            return None
        if metadata is None:
            metadata = f'{{"command":"{unique_id()}"}}'.encode()
        lost = False
        for attempt in range(RETRIES + 1):
            beside = alongside() if alongside else None
            try:
                positions = self._append(stored_events, metadata, beside, forgetting)
            except psycopg.errors.UniqueViolation as error:
                return self._committed_before(error, stored_events, metadata if lost else None, again)
            except psycopg.DatabaseError as error:
                lost |= self._try_again(error, attempt, beside)
            else:
                if beside is not None:
                    beside.committed()
                return positions
        raise AssertionError("unreachable")

    def _committed_before(
        self,
        error: psycopg.errors.UniqueViolation,
        events: Sequence[StoredEvent],
        metadata: bytes | None,
        again: Callable[[Message], None] | None,
    ) -> Sequence[int]:
        """The positions of our own events, if it is they that are in the way. metadata: None when no attempt may have succeeded."""
        constraint = error.diag.constraint_name or ""
        if constraint != "events_stream_version":
            raise UniqueConflict(constraint) from error
        own = self._own_positions(events, metadata) if metadata is not None else []
        if not own:
            raise VersionConflict(str(error)) from error
        if again is not None:
            with self.pool.connection() as connection, Message(connection) as message:
                again(message)
        return own

    def _try_again(self, error: psycopg.DatabaseError, attempt: int, beside: Alongside | None) -> bool:
        """Waits, if another attempt makes sense, and tells whether this one may have been committed; else raises."""
        if error.sqlstate == READ_MODELS_REPLACED:
            raise ReadModelsReplaced(str(error)) from error
        if error.sqlstate == CONDITION_FAILED:
            raise VersionConflict(str(error)) from error
        if error.sqlstate == WRITER_ERASED:
            raise WriterErased(str(error)) from error
        if attempt == RETRIES:
            raise error
        if error.sqlstate == READ_MODELS_REBUILT and beside is not None:
            beside.rebuilt()
            return False
        if not isinstance(error, psycopg.OperationalError) or not passing(error):
            raise error
        time.sleep(0.05 * 2**attempt)
        if not connection_lost(error):
            return False
        self.pool.check()
        return True

    def _append(
        self, events: Sequence[StoredEvent], metadata: bytes, alongside: Alongside | None, forgetting: Sequence[Forgetting]
    ) -> Sequence[int] | None:
        appended: Answer | None = None
        inline = alongside.inline_projections if alongside else None
        with self.pool.connection() as connection, Message(connection) as message:
            if alongside:
                alongside.load(message)
            # The events go first: a command that was committed before is recognised by them.
            if events:
                appended = _queued(message, inline, events, metadata)
            if forgetting:
                queue(message, forgetting)
            if alongside:
                alongside.write(message)
        return [position for (position,) in appended.fetchall()] if appended else []

    def _own_positions(self, events: Sequence[StoredEvent], metadata: bytes) -> list[int]:
        positions = []
        with self.pool.connection() as connection:
            for event in events:
                row = connection.execute(_MINE, (str(event.originator_id), event.originator_version, metadata)).fetchone()
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
        query, bounds = narrowed(_SELECT, gt, lte, desc, limit)

        return self._read(query.encode(), [str(originator_id), *bounds])

    def select_events_behind(self, known: Mapping[str, int], last: Mapping[str, int] = MappingProxyType({})) -> Sequence[StoredEvent]:
        """The events of several streams behind a version of each, one stream after the other, in order of version.

        last: up to which version, of those of which not all is wanted.
        """
        return self._read(_SELECT_SEVERAL, [list(known), list(known.values()), [last.get(stream, NEWEST) for stream in known]])

    def _read(self, query: bytes, parameters: Sequence[Any]) -> Sequence[StoredEvent]:
        def read(connection: Connection[TupleRow]) -> Sequence[StoredEvent]:
            return [
                LogEvent(originator_id=stream, originator_version=version, topic=type_name, state=data, recorded_at=at)
                for stream, version, type_name, data, at in ask(connection, query, parameters).fetchall()
            ]

        return reading(self.pool, read)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events in position order, as far as that order is settled. Part of the library's interface; the product follows LogReader."""
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
        """The head of the log: the newest visible position, None for an empty log. Part of the library's interface."""
        row = reading(self.pool, lambda connection: connection.execute(_HEAD).fetchone())
        return row[0] if row else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """An endless iterator over the settled log, polling. Part of the library's interface."""
        return PollingSubscription(self, gt, topics)


def _queued(message: Message, inline: str | None, events: Sequence[StoredEvent], metadata: bytes) -> Answer:
    """The events' positions, as soon as they are appended."""
    found = _ACTOR.match(metadata)
    writer = (int(found[1]) if found else None, b'"undoes":' in metadata)
    if len(events) == 1:
        *row, at = _row(events[0])
        return message.execute(_APPEND_ONE, (inline, *row, metadata, at, *writer))
    columns = [list(column) for column in zip(*(_row(event) for event in events), strict=True)]
    if len(events) > FEW_EVENTS:
        *first, times = columns
        return message.execute(_APPEND, (inline, *first, metadata, times, *writer))
    streams, versions, types, payloads, times = columns
    return message.execute(_append_few(len(events)), (inline, *streams, *versions, *types, *payloads, metadata, *times, *writer))


@cache
def _append_few(number: int) -> bytes:
    """The same statement, with a parameter for each member of an array."""
    return _ARRAYS.sub(lambda array: b"ARRAY[%b]::%b[]" % (b", ".join([b"%b::" + array[1]] * number), array[1]), _APPEND)


def _row(event: StoredEvent) -> tuple[str, int, str, bytes, datetime | None]:
    recorded_at = event.recorded_at if isinstance(event, LogEvent) else None
    return str(event.originator_id), event.originator_version, event.topic, event.state, recorded_at


def narrowed(query: str, gt: int | None, lte: int | None, desc: bool, limit: int | None) -> tuple[str, list[int]]:
    """A query for rows of one stream with the library's usual bounds, and the parameters that they add."""
    parameters: list[int] = []
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
