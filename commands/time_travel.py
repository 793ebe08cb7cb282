"""An aggregate as it was at any version of its stream, for people who look into the log."""

from __future__ import annotations

from typing import Any

from eventsourcing.application import AggregateNotFoundError

from commands.aggregate import Aggregate
from eventstore.application import Log
from eventstore.events.base import stream_kind


def state_at(log: Log, stream: str, version: int | None) -> dict[str, Any] | None:
    """The attributes of the aggregate after this version's event (None: the last one). None for a stream of no known kind."""
    kind = _kinds().get(stream_kind(stream))
    if kind is None:
        return None
    try:
        found: Aggregate = log.repository.get(stream, version=version, projector_func=kind.project)
    except AggregateNotFoundError:
        return None
    return found.attributes()


def _kinds() -> dict[str, type[Aggregate]]:
    return {cls.kind: cls for cls in Aggregate.__subclasses__() if "kind" in vars(cls)}
