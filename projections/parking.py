"""Streams whose events make a following projection fail wait here, in order, while all other streams go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from eventstore.message import Message
from eventstore.reader import LogRow, rows_where
from projections.base import Projection
from projections.loops import Pausing
from projections.rows import apply_events

PAGE = 500

_WAITING = "stream = %s AND position >= %s AND position <= %s ORDER BY version LIMIT %s"

log = structlog.get_logger("notechondria.following")


@dataclass(frozen=True, slots=True)
class Parked:
    """A stream that waits: from which position on, since when, and why."""

    stream: str
    position: int
    error: str
    parked_at: datetime


def is_the_events_fault(error: Exception) -> bool:
    """Whether the same batch would fail again, as opposed to a database that is away, full or not as it should be."""
    return not isinstance(error, (psycopg.Error, Pausing, MemoryError)) or isinstance(error, (psycopg.DataError, psycopg.IntegrityError))


def describe(error: BaseException) -> str:
    """What is shown of an error: its class and its message, in one bounded line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".replace("\0", "")[:500]


def park(connection: Connection[TupleRow], projection: Projection, after: int, row: LogRow, error: Exception) -> int:
    """Lets the stream of this event wait and steps over the event; returns the stored position."""
    with connection.transaction():
        state = connection.execute("SELECT position FROM log.projections WHERE name = %s FOR UPDATE", (projection.name,)).fetchone()
        if state is None or state[0] != after:
            return int(state[0]) if state else after
        add_parked(connection, projection.name, row, error)
        connection.execute("UPDATE log.projections SET position = %s WHERE name = %s", (row.position, projection.name))
    log.error("stream parked", follower=projection.name, stream=row.stream, position=row.position, type=row.type, error=describe(error))
    return row.position


def add_parked(connection: Connection[TupleRow], name: str, row: LogRow, error: Exception) -> None:
    """Enters a stream; it keeps its place when it waits already."""
    connection.execute(
        "INSERT INTO log.parked_streams (projection, stream, position, error) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (name, row.stream, row.position, describe(error)),
    )


def parked_streams(connection: Connection[TupleRow], name: str) -> list[Parked]:
    """The streams that wait, longest first."""
    found = connection.execute(
        "SELECT stream, position, error, parked_at FROM log.parked_streams WHERE projection = %s ORDER BY position", (name,)
    )
    return [Parked(*row) for row in found]


def waiting_rows(connection: Connection[TupleRow], stream: str, since: int, until: int, limit: int) -> Sequence[LogRow]:
    """The stream's events between two positions, both included, as many as are taken at once."""
    return rows_where(connection, _WAITING, (stream, since, until, limit))


def retry_parked(connection: Connection[TupleRow], projection: Projection) -> tuple[list[str], list[Parked]]:
    """Applies what waits, stream by stream; returns the streams that are free again and those that still wait."""
    waiting = parked_streams(connection, projection.name)
    freed = [parked.stream for parked in waiting if _retry(connection, projection, parked.stream)]
    return freed, parked_streams(connection, projection.name) if waiting else []


def _retry(connection: Connection[TupleRow], projection: Projection, stream: str) -> bool:
    page = PAGE
    while True:
        try:
            with connection.transaction():
                if _apply_page(connection, projection, stream, page):
                    return True
        except Exception as error:
            if not is_the_events_fault(error):
                raise
            if page == 1:
                connection.execute(
                    "UPDATE log.parked_streams SET error = %s, parked_at = now() WHERE projection = %s AND stream = %s",
                    (describe(error), projection.name, stream),
                )
                return False
            # One by one from here, so that everything before the event that still fails is applied.
            page = 1


def _apply_page(connection: Connection[TupleRow], projection: Projection, stream: str, page: int) -> bool:
    """Applies the stream's next waiting events; True when none is left. The follower waits meanwhile."""
    state = connection.execute(
        "SELECT p.position, s.position FROM log.projections p, log.parked_streams s"
        " WHERE p.name = %s AND s.projection = p.name AND s.stream = %s FOR UPDATE",
        (projection.name, stream),
    ).fetchone()
    if state is None:
        return True
    head, position = state
    batch = waiting_rows(connection, stream, position, head, page)
    with Message(connection) as message:
        apply_events(message, projection, batch)
    if len(batch) < page:
        connection.execute("DELETE FROM log.parked_streams WHERE projection = %s AND stream = %s", (projection.name, stream))
        return True
    connection.execute(
        "UPDATE log.parked_streams SET position = %s WHERE projection = %s AND stream = %s",
        (batch[-1].position + 1, projection.name, stream),
    )
    return False
