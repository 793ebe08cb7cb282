"""Snapshots of long streams: state as JSON beside the log. Derived from events; may be deleted at any time.

Kept are the newest one and a few older ones, ever farther apart, so that any version of a long stream is near one and the
whole costs a small multiple of the state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, cast
from uuid import UUID

import orjson
import psycopg
from eventsourcing.persistence import AggregateRecorder, EventStore, IntegrityError, JSONTranscoder, Mapper, StoredEvent
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.database import reading
from eventstore.events.base import stream_kind
from eventstore.recorder import narrowed

OLDER_KEPT = 8
"""Up to so many snapshots are kept behind the newest one."""

SHAPES: dict[str, int] = {}
"""Kind of stream -> version of the shape of its snapshots. Only kinds named here have any."""

_SELECT = "SELECT stream, version, type, data FROM log.snapshots WHERE stream = %s"
_NEWEST = """
SELECT DISTINCT ON (s.stream) s.stream, s.version, s.type, s.data FROM unnest(%s::text[], %s::int[]) wanted (stream, last)
JOIN log.snapshots s ON s.stream = wanted.stream AND s.version <= wanted.last
WHERE s.type = ANY(%s) ORDER BY s.stream, s.version DESC"""
_KEEP = "SELECT log.keep_snapshot(%s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an aggregate after a version."""

    originator_id: str
    originator_version: int
    timestamp: datetime
    """Time of the newest event in it."""
    shape: int
    every: int
    state: dict[str, Any]
    """Names of attributes -> values: JSON values, tuples, frozen sets and times."""


class Snapshotting(Protocol):
    """An aggregate, as far as snapshots are concerned."""

    snapshot_every: ClassVar[int | None]
    id: str
    version: int

    def snapshot(self) -> Snapshot:
        """Its present state."""


def due(aggregate: Snapshotting, first_new_version: int) -> bool:
    """Whether the events from first_new_version on carried the aggregate over the next multiple of its interval."""
    every = aggregate.snapshot_every
    return every is not None and aggregate.version // every > (first_new_version - 1) // every


class SnapshotCodec(Mapper[str]):
    """Between snapshots and their stored form. The type names kind and shape: note@1."""

    def __init__(self) -> None:
        super().__init__(transcoder=JSONTranscoder())

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """The stored form. Raises TypeError for values that a snapshot cannot hold."""
        snapshot = cast(Snapshot, domain_event)
        state = {name: _packed(value) for name, value in snapshot.state.items()}
        return StoredEvent(
            originator_id=snapshot.originator_id,
            originator_version=snapshot.originator_version,
            topic=f"{stream_kind(snapshot.originator_id)}@{snapshot.shape}",
            state=orjson.dumps({"at": snapshot.timestamp, "every": snapshot.every, "state": state}),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The snapshot."""
        content = orjson.loads(stored_event.state)
        return Snapshot(
            originator_id=str(stored_event.originator_id),
            originator_version=stored_event.originator_version,
            timestamp=datetime.fromisoformat(content["at"]),
            shape=int(stored_event.topic.rpartition("@")[2]),
            every=content["every"],
            state={name: _unpacked(value) for name, value in content["state"].items()},
        )


def _packed(value: Any) -> Any:
    """JSON for a value; what JSON has no word for becomes an object with one member that says what it is."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple):
        return {"tuple": [_packed(item) for item in value]}
    if isinstance(value, frozenset):
        return {"set": [_packed(item) for item in sorted(value, key=repr)]}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, dict):
        return {"dict": [[_packed(key), _packed(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [_packed(item) for item in value]
    raise TypeError(f"a snapshot cannot hold a {type(value).__name__}")


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((name, content),) = value.items()
    match name:
        case "tuple":
            return tuple(map(_unpacked, content))
        case "set":
            return frozenset(map(_unpacked, content))
        case "time":
            return datetime.fromisoformat(content)
        case _:
            return {_unpacked(key): _unpacked(item) for key, item in content}


class SnapshotRecorder(AggregateRecorder):
    """The table of snapshots."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]]) -> None:
        self.pool = pool

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> None:
        """Stores snapshots as they are. Raises the library's IntegrityError when one is there already."""
        try:
            with self.pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO log.snapshots (stream, version, type, data) VALUES (%s, %s, %s, %s)",
                    [(str(s.originator_id), s.originator_version, s.topic, s.state) for s in stored_events],
                )
        except psycopg.errors.UniqueViolation as error:
            raise IntegrityError(str(error)) from error

    def keep(self, snapshot: StoredEvent, every: int) -> None:
        """Stores a snapshot and drops those that it makes superfluous. Streams with forgotten events get none."""
        stride = 1
        while snapshot.originator_version // every > OLDER_KEPT * stride:
            stride *= 2
        stored = (str(snapshot.originator_id), snapshot.originator_version, snapshot.topic, snapshot.state)
        with self.pool.connection() as connection:
            connection.execute(_KEEP, (*stored, every, stride))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The stored snapshots of one stream, in order of version; of registered kinds only those of the present shape."""
        query, parameters = _SELECT, [str(originator_id)]
        kind = stream_kind(str(originator_id))
        if kind in SHAPES:
            query += " AND type = %s"
            parameters.append(f"{kind}@{SHAPES[kind]}")
        narrowed_query, bounds = narrowed(query, gt, lte, desc, limit)
        return self._read(narrowed_query, [*parameters, *bounds])

    def select_newest(self, last: Mapping[str, int]) -> Sequence[StoredEvent]:
        """The newest snapshot of each of these streams, up to a version of it, that has one of the present shape."""
        shapes = [f"{kind}@{shape}" for kind, shape in SHAPES.items()]
        return self._read(_NEWEST, [list(last), list(last.values()), shapes])

    def _read(self, query: str, parameters: Sequence[Any]) -> Sequence[StoredEvent]:
        def read(connection: Connection[TupleRow]) -> Sequence[StoredEvent]:
            with connection.cursor(binary=True) as cursor:
                cursor.execute(query, parameters)
                return [
                    StoredEvent(originator_id=stream, originator_version=version, topic=type_name, state=data)
                    for stream, version, type_name, data in cursor
                ]

        return reading(self.pool, read)


class SnapshotStore(EventStore[str]):
    """The library's store of snapshots: asks only for kinds of streams that have some."""

    recorder: SnapshotRecorder

    def __init__(self, recorder: SnapshotRecorder) -> None:
        super().__init__(mapper=SnapshotCodec(), recorder=recorder)

    def put(self, domain_events: Sequence[Any], **_: Any) -> list[Any]:
        """Stores snapshots, each in place of older ones."""
        for snapshot in domain_events:
            self.recorder.keep(self.mapper.to_stored_event(snapshot), snapshot.every)
        return []

    def get(
        self,
        originator_id: str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Iterator[Any]:
        """The snapshots of one stream that this release can use."""
        if stream_kind(originator_id) not in SHAPES:
            return iter(())
        return super().get(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)

    def newest(self, last: Mapping[str, int]) -> Iterator[Any]:
        """The newest one of each of these streams, up to a version of it, as far as there is one that this release can use."""
        asked = {stream: version for stream, version in last.items() if stream_kind(stream) in SHAPES}
        return map(self.mapper.to_domain_event, self.recorder.select_newest(asked) if asked else ())
