"""Login sessions: started on a device, seen, revoked."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from commands.aggregate import Aggregate, evolves
from commands.errors import Refused
from commands.handling import Work
from eventstore.events import sessions

LONGEST_AGENT = 512
RETIRED_AFTER = timedelta(days=30)
"""Ten times as long as a session can live. Until then operators see when an account was last in use."""
DEVICES = (
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("android", "Android device"),
    ("macintosh", "Mac"),
    ("mac os x", "Mac"),
    ("windows", "Windows PC"),
    ("linux", "Linux"),
)


class SessionLookups(Protocol):
    """What session decisions ask of the read models."""

    def next_id(self, kind: str) -> int:
        """A new id."""

    def live_sessions(self, account_id: int) -> list[int]:
        """Ids of the sessions that could still be used."""

    def oldest_sessions(self, before: datetime, limit: int) -> list[int]:
        """Ids of sessions that were started before and are not retired, at most so many."""


class SessionNotFound(Refused):
    """Session not found."""

    status = 404

    def __init__(self) -> None:
        super().__init__({"detail": "Session not found."})


class Session(Aggregate):
    """One login session."""

    kind = "session"

    account_id: int
    started_at: datetime
    revoked: bool = False
    retired: bool = False

    @evolves(sessions.SessionStarted)
    def _started(self, event: sessions.SessionStarted) -> None:
        self.account_id = event.account_id
        self.started_at = event.timestamp

    @evolves(sessions.SessionRevoked)
    def _revoked(self, event: sessions.SessionRevoked) -> None:
        self.revoked = True

    @evolves(sessions.SessionRetired)
    def _retired(self, event: sessions.SessionRetired) -> None:
        self.retired = True

    @property
    def is_over(self) -> bool:
        """Whether it was ended, or ran out long ago."""
        return self.revoked or self.retired


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A session about to be started. `key` is what the client gets; only its digest is stored."""

    key: str
    key_digest: str
    device_label: str
    user_agent: str
    network_digest: str
    method: str


def prepare_sign_in(digest: Callable[[str], str], *, user_agent: str, network: str, method: str) -> SignIn:
    """A sign-in with a fresh key, from the User-Agent header and the network address of the request.

    digest: the keyed digest under the server's secret.
    """
    key = secrets.token_hex(20)
    return SignIn(
        key=key,
        key_digest=digest(key),
        device_label=device_label(user_agent),
        user_agent=user_agent[:LONGEST_AGENT],
        network_digest=digest(network) if network else "",
        method=method,
    )


def device_label(user_agent: str) -> str:
    """What the sessions list calls the device (contract: accounts 9)."""
    if not user_agent:
        return "Unknown device"
    lowered = user_agent.lower()
    return next((label for word, label in DEVICES if word in lowered), "Web browser")


def start_session(work: Work[SessionLookups], account_id: int, epoch: int, sign_in: SignIn) -> int:
    """Signs the account in on a device; returns the session's id. epoch: of the account, as its credentials were checked."""
    session = work.new(Session, work.lookups.next_id("session"))
    session.trigger(
        sessions.SessionStarted,
        work.context.now,
        account_id=account_id,
        key_digest=sign_in.key_digest,
        device_label=sign_in.device_label,
        user_agent=sign_in.user_agent,
        network_digest=sign_in.network_digest,
        epoch=epoch,
        method=sign_in.method,
    )
    return session.number


def revoke_session(work: Work[SessionLookups], account_id: int, session_id: int, cause: str) -> None:
    """Ends one session of the account; one that has ended already stays as it is. Raises SessionNotFound."""
    session = work.find(Session, session_id)
    if session is None or session.account_id != account_id:
        raise SessionNotFound
    if not session.is_over:
        session.trigger(sessions.SessionRevoked, work.context.now, cause=cause)


def revoke_sessions(work: Work[SessionLookups], session_ids: Iterable[int], cause: str) -> None:
    """Ends these sessions."""
    for session in work.find_all(Session, session_ids):
        if not session.is_over:
            session.trigger(sessions.SessionRevoked, work.context.now, cause=cause)


def retire_sessions(work: Work[SessionLookups], session_ids: Iterable[int]) -> None:
    """Retires those of these sessions that began long enough ago to be dead whatever became of them."""
    for session in work.find_all(Session, session_ids):
        if not session.retired and session.started_at < work.context.now - RETIRED_AFTER:
            session.trigger(sessions.SessionRetired, work.context.now)
