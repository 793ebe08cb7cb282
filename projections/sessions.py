"""Login sessions, one per device."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from eventstore.events import sessions
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.rows import Rows


@dataclass(slots=True)
class SessionRow(Row):
    """One login session; see projections.callers.LIVE for which may be used.

    seen_at: its start, or a later use that the log tells of. Where uses are noted: projections.callers.SEEN_AT.
    """

    id: int
    account_id: int
    key_digest: str
    device_label: str
    user_agent: str
    network_digest: str
    epoch: int
    started_at: datetime
    seen_at: datetime
    revoked_at: datetime | None
    mark: int = 0


@dataclass(slots=True)
class RetiredRow(Row):
    """A session that ended long ago: whose it was, for the account's history and its erasure."""

    id: int
    account_id: int
    started_at: datetime
    mark: int = 0


SESSIONS = Table(
    "sessions",
    SessionRow,
    key=("id",),
    stream="session",
    ddl="""
    CREATE UNIQUE INDEX sessions_key_unique ON {schema}.sessions (key_digest);
    CREATE INDEX sessions_of_account ON {schema}.sessions (account_id, started_at DESC);
    """,
)

RETIRED = Table(
    "retired",
    RetiredRow,
    key=("id",),
    stream="session",
    ddl="CREATE INDEX retired_of_account ON {schema}.retired (account_id, started_at DESC);",
)


class Sessions(Projection):
    """Sessions by key and by account; those that ended long ago by account only."""

    name = "sessions"
    version = 3
    lifecycle = "inline"
    tables = (SESSIONS, RETIRED)

    @handles(sessions.SessionStarted)
    def started(self, rows: Rows, event: sessions.SessionStarted) -> None:
        """A device signed in."""
        row = SessionRow(
            id=stream_number(event.originator_id),
            account_id=event.account_id,
            key_digest=event.key_digest,
            device_label=event.device_label,
            user_agent=event.user_agent,
            network_digest=event.network_digest,
            epoch=event.epoch,
            started_at=event.timestamp,
            seen_at=event.timestamp,
            revoked_at=None,
        )
        rows.add(SESSIONS, row, event)

    @handles(sessions.SessionSeen)
    def seen(self, rows: Rows, event: sessions.SessionSeen) -> None:
        """A use, noted by a release that kept them in the log."""
        if row := rows.due(SESSIONS, stream_number(event.originator_id), event):
            row.seen_at = event.timestamp

    @handles(sessions.SessionRevoked)
    def revoked(self, rows: Rows, event: sessions.SessionRevoked) -> None:
        """Over for good."""
        if row := rows.due(SESSIONS, stream_number(event.originator_id), event):
            row.revoked_at = event.timestamp

    @handles(sessions.SessionRetired)
    def retired(self, rows: Rows, event: sessions.SessionRetired) -> None:
        """Nothing but its account is asked for any more."""
        number = stream_number(event.originator_id)
        if row := rows.look(SESSIONS, number):
            rows.add(RETIRED, RetiredRow(id=row.id, account_id=row.account_id, started_at=row.started_at), event)
            rows.remove(SESSIONS, number)
