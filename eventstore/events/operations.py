"""Events of operations that staff request of the server, other than on accounts: stream operation-<id>."""

from __future__ import annotations

from eventstore.events.base import Event


class OperationRequested(Event):
    """A staff member requested an operation; the reason is in the metadata."""

    action: str
    """rebuild, verify, retry or deliver."""
    target: str
    """A projection or reactor, or a mail's number; * for all."""
