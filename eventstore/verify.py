"""Checks the log itself: order, versions, types, payloads, and that nothing is ahead of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from eventstore.codec import Recorded, UnknownEventType
from eventstore.events.base import payload_fields
from eventstore.reader import LogRow
from eventstore.snapshots import SnapshotCodec

BATCH = 2000
SNAPSHOTS = 50
"""So many are read at a time: each may be as long as a note."""

VerifyProgress = Callable[[int, int], None]
"""Told (events done, of how many)."""

_QUESTIONS = {
    "version": """
        SELECT stream || '@' || version, 'follows version ' || before || ' at position ' || position
        FROM (SELECT stream, version, position, coalesce(lag(version) OVER w, 0) AS before, lag(position) OVER w AS earlier
              FROM log.events WINDOW w AS (PARTITION BY stream ORDER BY version)) AS steps
        WHERE version <> before + 1 OR position <= earlier ORDER BY position""",
    "time": """
        SELECT stream || '@' || version, 'is older than the event before it, at position ' || position
        FROM (SELECT stream, version, position, recorded_at, lag(recorded_at) OVER (PARTITION BY stream ORDER BY version) AS before
              FROM log.events) AS steps
        WHERE recorded_at < before ORDER BY position""",
    "actor": """
        SELECT stream || '@' || version, 'names another account, or another change that it takes back, than its metadata'
        FROM log.events
        WHERE actor IS DISTINCT FROM log.actor(metadata) OR undoes <> (position('"undoes":'::bytea IN metadata) > 0)
        ORDER BY position""",
    "snapshot": """
        SELECT s.stream || '@' || s.version, 'is a snapshot of a version that the log does not hold'
        FROM log.snapshots s LEFT JOIN log.events e USING (stream, version) WHERE e.stream IS NULL""",
    "forgotten": """
        SELECT s.stream || '@' || s.version, 'is a snapshot of a stream with forgotten events'
        FROM log.snapshots s WHERE EXISTS (SELECT FROM log.events e WHERE e.stream = s.stream AND e.data = '')""",
    "follower": """
        SELECT name, 'is at ' || position || ', the head of the log is ' || head
        FROM (SELECT name, position FROM log.projections UNION ALL SELECT name, position FROM log.reactors) AS followers,
             (SELECT coalesce(max(position), 0) AS head FROM log.events) AS newest
        WHERE position > (SELECT greatest(head, CASE WHEN is_called THEN last_value ELSE 0 END) FROM log.events_position_seq)""",
    "position": """
        SELECT 'log.events_position_seq', 'is at ' || last_value || ', behind position ' || head
        FROM log.events_position_seq, (SELECT coalesce(max(position), 0) AS head FROM log.events) AS newest
        WHERE last_value < head""",
}
_IDS = """
SELECT 'log.' || s.sequencename, 'is at ' || coalesce(s.last_value, 0) || ', ' || kind || '-' || highest || ' exists'
FROM (SELECT substring(stream from '^(.*)-[0-9]+$') AS kind, max(substring(stream from '-([0-9]{1,18})$')::bigint) AS highest
      FROM log.events WHERE version = 1 AND stream ~ '-[0-9]{1,18}$' GROUP BY 1) AS streams
JOIN pg_sequences s ON s.schemaname = 'log' AND s.sequencename = kind || '_ids'
WHERE highest > coalesce(s.last_value, 0)"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong."""

    kind: str
    """version, time, type, payload, metadata, actor, snapshot, forgotten, follower, position or ids."""
    place: str
    problem: str


def verify_log(conninfo: str, progress: VerifyProgress | None = None) -> Iterator[Finding]:
    """All that is wrong with the log, as it is found; reads one snapshot of it, and memory does not grow with it."""
    with psycopg.connect(conninfo) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield from _events(connection, progress)
        yield from _snapshots(connection)
        for kind, question in {**_QUESTIONS, "ids": _IDS}.items():
            with connection.cursor(f"verify_{kind}") as cursor:
                for place, problem in cursor.execute(question.encode()):
                    yield Finding(kind, place, problem)


def _events(connection: Connection[TupleRow], progress: VerifyProgress | None) -> Iterator[Finding]:
    row = connection.execute("SELECT count(*) FROM log.events").fetchone()
    size = row[0] if row else 0
    with connection.cursor("verify_events", binary=True) as cursor:
        cursor.itersize = BATCH
        cursor.execute("SELECT position, stream, version, type, data, metadata, recorded_at FROM log.events ORDER BY position")
        for done, values in enumerate(cursor, 1):
            finding = _event(LogRow._make(values))
            if finding is not None:
                yield finding
            if progress is not None and (done % BATCH == 0 or done == size):
                progress(done, size)


def _snapshots(connection: Connection[TupleRow]) -> Iterator[Finding]:
    codec = SnapshotCodec()
    with connection.cursor("verify_snapshots", binary=True) as cursor:
        cursor.itersize = SNAPSHOTS
        for stream, version, type_name, data in cursor.execute("SELECT stream, version, type, data FROM log.snapshots"):
            try:
                codec.to_domain_event(StoredEvent(originator_id=stream, originator_version=version, topic=type_name, state=data))
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                yield Finding("snapshot", f"{stream}@{version}", f"cannot be read: {error}; it may be deleted at any time")


def _event(row: LogRow) -> Finding | None:
    place = f"{row.stream}@{row.version}"
    try:
        recorded: Recorded = row.decoded()
        for field in payload_fields(type(recorded.event)):
            getattr(recorded.event, field)
    except UnknownEventType:
        return Finding("type", place, f"{row.type} at position {row.position} is a type that this release does not know")
    except (ValueError, AttributeError) as error:
        return Finding("payload", place, f"{row.type} at position {row.position} cannot be read: {error}")
    try:
        recorded.about()
    except ValueError as error:
        return Finding("metadata", place, f"the metadata at position {row.position} cannot be read: {error}")
    return None
