"""Events of invitation codes: stream invitation-<id>."""

from __future__ import annotations

from eventstore.events.base import Event


class InvitationCreated(Event):
    """Staff created a code. Once there is one, registering requires one."""

    code_digest: str
    label: str
    max_uses: int
    expires_at: str | None
    """ISO 8601 in UTC; the code is valid up to and including this moment."""


class InvitationUsed(Event):
    """An account was registered with it."""

    account_id: int
