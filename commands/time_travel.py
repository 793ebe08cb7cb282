"""An aggregate as it was at any version of its stream, for people who look into the log."""

from __future__ import annotations

from typing import Any

from eventsourcing.application import AggregateNotFoundError, Application

from commands.aggregate import Aggregate
from eventstore.events.base import stream_kind

_STANDING = {"id", "version", "modified_on", "pending"}


def state_at(log: Application[str], stream: str, version: int | None) -> dict[str, Any] | None:
    """The attributes of the aggregate after this version's event (None: the last one). None for a stream of no known kind."""
    kind = _kinds().get(stream_kind(stream))
    if kind is None:
        return None
    try:
        found = log.repository.get(stream, version=version, projector_func=kind.project)
    except AggregateNotFoundError:
        return None
    return {name: value for name, value in vars(found).items() if name not in _STANDING}


def _kinds() -> dict[str, type[Aggregate]]:
    return {cls.kind: cls for cls in Aggregate.__subclasses__() if "kind" in vars(cls)}
