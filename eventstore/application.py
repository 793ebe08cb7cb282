"""The log as the library's application object: recorder, codec, repository with cache, snapshots."""

from __future__ import annotations

from typing import Any

from eventsourcing.application import Application
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
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

from eventstore.codec import Codec
from eventstore.recorder import LogRecorder, SnapshotRecorder

CACHED_AGGREGATES = 512


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


class Log(Application[str]):
    """The event-sourced application: `repository` loads aggregates, `save` appends their pending events."""

    name = "notechondria"

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]]) -> None:
        self._pool = pool
        super().__init__({"AGGREGATE_CACHE_MAXSIZE": str(CACHED_AGGREGATES)})

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """Our factory, over our pool."""
        return LogFactory(self._pool, env)

    def construct_mapper(self) -> Mapper[str]:
        """Our codec."""
        return Codec()

    def construct_transcoder(self) -> Transcoder:
        """The codec brings its own."""
        return self.mapper.transcoder
