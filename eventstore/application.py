"""The log as the library's application object: recorder, codec, repository with cache, snapshots."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from threading import BoundedSemaphore
from typing import Any

import structlog
from eventsourcing.application import Application, ProcessingEvent, Repository
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    EventStore,
    InfrastructureFactory,
    Mapper,
    ProcessRecorder,
    TrackingRecorder,
    Transcoder,
)
from eventsourcing.utils import Environment
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.cache import AggregateCache
from eventstore.codec import Codec
from eventstore.recorder import NEWEST, LogRecorder
from eventstore.snapshots import Snapshot, SnapshotRecorder, SnapshotStore, due

_log = structlog.get_logger(__name__)

SNAPSHOTS_WAITING = 100
"""More than so many snapshots do not wait for being stored; the next ones will do."""


class LogFactory(InfrastructureFactory[TrackingRecorder]):
    """Makes our recorders over a given pool."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]], env: Environment) -> None:
        super().__init__(env)
        self._pool = pool

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder of all events."""
        return LogRecorder(self._pool)

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The recorder of snapshots."""
        if purpose != "snapshots":
            raise NotImplementedError(f"no recorder for {purpose}")
        return SnapshotRecorder(self._pool)

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> TrackingRecorder:
        """Followers keep their positions beside their tables (projections/following.py)."""
        raise NotImplementedError

    def process_recorder(self) -> ProcessRecorder:
        """Followers keep their positions beside their tables (projections/following.py)."""
        raise NotImplementedError


class CachingRepository(Repository[str]):
    """The library's repository with a cache that is bounded by weight and hands out copies."""

    cache: AggregateCache

    def __init__(self, events: EventStore[str], snapshots: SnapshotStore, recorder: LogRecorder) -> None:
        # The cache copies, once.
        super().__init__(events, snapshot_store=snapshots, deepcopy_from_cache=False)
        self.cache = AggregateCache()
        self._snapshots = snapshots
        self._recorder = recorder

    def get(self, aggregate_id: str, *, version: int | None = None, **options: Any) -> Any:
        """See the library's. What its copy has taken in is kept for the next time."""
        aggregate = super().get(aggregate_id, version=version, **options)
        if version is None:
            self.cache.renew(aggregate_id, aggregate)
        return aggregate

    def get_all(self, streams: Sequence[str], project: Callable[[Any, Iterable[Any]], Any]) -> dict[str, Any]:
        """Those of these aggregates of one kind that there are. Two round trips, where `get` takes one or two for each."""
        found: dict[str, Any] = {}
        for stream in streams:
            with suppress(KeyError):
                found[stream] = self.cache.get(stream)
        unknown = set(streams) - found.keys()
        for snapshot in self._snapshots.newest(dict.fromkeys(unknown, NEWEST)):
            found[snapshot.originator_id] = project(None, [snapshot])
        known = {stream: found[stream].version if stream in found else 0 for stream in streams}
        newer = map(self.event_store.mapper.to_domain_event, self._recorder.select_events_behind(known))
        for stream, events in groupby(newer, attrgetter("originator_id")):
            found[stream] = project(found.get(stream), events)
        for stream, aggregate in found.items():
            keep = self.cache.put if stream in unknown else self.cache.renew
            keep(stream, aggregate)
        return found

    def get_all_at(self, wanted: Mapping[str, Collection[int]], project: Callable[[Any, Iterable[Any]], Any]) -> dict[tuple[str, int], Any]:
        """The same as they were after these versions of theirs, by stream and version. Two round trips as well."""
        found: dict[tuple[str, int], Any] = {}
        begun = self._snapshots.newest({stream: min(versions) for stream, versions in wanted.items()})
        before = {snapshot.originator_id: project(None, [snapshot]) for snapshot in begun}
        known = {stream: before[stream].version if stream in before else 0 for stream in wanted}
        stored = self._recorder.select_events_behind(known, {stream: max(versions) for stream, versions in wanted.items()})
        read = groupby(map(self.event_store.mapper.to_domain_event, stored), attrgetter("originator_id"))
        newer = {stream: list(events) for stream, events in read}
        for stream, versions in wanted.items():
            past, events = before.get(stream), newer.get(stream, [])
            for version in sorted(versions):
                due = bisect_right(events, version, key=attrgetter("originator_version"))
                past, events = project(past, events[:due]), events[due:]
                if past is not None:
                    found[stream, version] = past.copy()
        return found


class Log(Application[str]):
    """The event-sourced application: `repository` loads aggregates, `append` stores their pending events."""

    name = "notechondria"
    is_snapshotting_enabled = True
    recorder: LogRecorder
    repository: CachingRepository
    snapshots: SnapshotStore

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]]) -> None:
        self.pool = pool
        self._snapshotting = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snapshots")
        self._waiting = BoundedSemaphore(SNAPSHOTS_WAITING)
        super().__init__()

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """Our factory, over our pool."""
        return LogFactory(self.pool, env)

    def construct_mapper(self) -> Mapper[str]:
        """Our codec."""
        return Codec()

    def construct_transcoder(self) -> Transcoder:
        """The codec brings its own."""
        return self.mapper.transcoder

    def construct_snapshot_store(self) -> EventStore[str]:
        """Our snapshots."""
        return SnapshotStore(SnapshotRecorder(self.pool))

    def construct_repository(self) -> Repository[str]:
        """Ours, with a cache."""
        return CachingRepository(self.events, self.snapshots, self.recorder)

    def append(self, *aggregates: Any, **options: Any) -> Sequence[int]:
        """Stores the pending events of these aggregates and returns their positions; see LogRecorder.insert_events for the options.

        What `save` does, without asking each object what protocols it follows and without making notifications: that takes longer
        than all the rest of it.
        """
        processing: ProcessingEvent[str] = ProcessingEvent()
        for aggregate in aggregates:
            processing.events.extend(aggregate.collect_events())
            processing.aggregates[aggregate.id] = aggregate
        stored = [self.mapper.to_stored_event(event) for event in processing.events]
        positions = self.recorder.insert_events(stored, **options)
        self._take_snapshots(processing)
        return positions or ()

    def _take_snapshots(self, processing_event: ProcessingEvent[str]) -> None:
        """Snapshots are stored after the answer, by a thread of their own: the aggregates are at hand, nothing is read."""
        first: dict[str, int] = {}
        for event in processing_event.events:
            first.setdefault(event.originator_id, event.originator_version)
        for stream, version in first.items():
            aggregate: Any = processing_event.aggregates.get(stream)
            if aggregate is not None and due(aggregate, version) and self._waiting.acquire(blocking=False):
                self._snapshotting.submit(self._keep, aggregate.snapshot())

    def _keep(self, snapshot: Snapshot) -> None:
        try:
            self.snapshots.put([snapshot])
        except Exception:  # noqa: BLE001 - the command itself has succeeded
            # Nothing is lost: loading takes longer until the next one.
            _log.exception("snapshot_not_kept", stream=snapshot.originator_id)
        finally:
            self._waiting.release()

    def flush(self) -> None:
        """Returns when the snapshots that wait now are stored."""
        self._snapshotting.submit(lambda: None).result()

    def close(self) -> None:
        """Stores the snapshots that wait, and ends."""
        self._snapshotting.shutdown(wait=True)
        super().close()
