"""What staff ask of the server itself: kept in the log with the reason, then done by the background process."""

from __future__ import annotations

from typing import Protocol

from commands.aggregate import Aggregate
from commands.handling import Work
from eventstore.events import operations


class OperationLookups(Protocol):
    """What such a request asks of the read models."""

    def next_id(self, kind: str) -> int:
        """A new id."""


class Operation(Aggregate):
    """One request."""

    kind = "operation"


def request_operation(work: Work[OperationLookups], action: str, target: str) -> str:
    """Notes the request; returns the name of its stream."""
    operation = work.new(Operation, work.lookups.next_id("operation"))
    operation.trigger(operations.OperationRequested, work.context.now, action=action, target=target)
    return operation.id
