"""Events of login sessions, one per device: stream session-<id>."""

from __future__ import annotations

from eventstore.events.base import Event


class SessionStarted(Event):
    """Somebody signed in on a device."""

    account_id: int
    key_digest: str
    """HMAC of the session key; the key itself is not stored."""
    device_label: str
    user_agent: str
    network_digest: str
    """HMAC of the client's address, hex; empty when unknown."""
    epoch: int = 0
    """How often all sessions of the account had been ended before: a session of an earlier epoch is dead, even one
    that was started while they were being ended."""
    method: str = "password"
    """password, verification, password_change, google, github or cli."""


class SessionSeen(Event):
    """The session was used. No longer written, since uses are recorded outside the log; logs of earlier releases contain it."""


class SessionRetired(Event):
    """The session ended long ago: its key and device were dropped from the read model; the log still has it."""


class SessionRevoked(Event):
    """The session was ended."""

    cause: str
    """logout, revoked, password_changed, password_reset or start."""
