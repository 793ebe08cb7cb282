"""What staff ask of the server itself, beside what they do to accounts: stream operation-<id>."""

from __future__ import annotations

from eventstore.events.base import Event


class OperationRequested(Event):
    """Somebody of the staff wants something done; why is the reason in the metadata."""

    action: str
    """rebuild, verify, retry or deliver."""
    target: str
    """A projection or reactor, or a mail's number; * for all."""
