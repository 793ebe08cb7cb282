"""Events that record forgetting, at the end of the stream that was forgotten."""

from __future__ import annotations

from eventstore.events.base import Event


class StreamForgotten(Event):
    """An operator had all earlier events of this stream overwritten."""

    reason: str


class OwnerErased(Event):
    """The owner's account was erased: everything before is overwritten, and no read model shows it any more."""
