"""Invitation codes by digest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from eventstore.events import Event, invitations
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.rows import Rows


@dataclass(slots=True)
class InvitationRow(Row):
    """One code."""

    id: int
    code_digest: str
    label: str
    max_uses: int
    times_used: int
    expires_at: datetime | None
    created_at: datetime
    mark: int = 0


INVITATIONS = Table(
    "invitations",
    InvitationRow,
    key=("id",),
    stream="invitation",
    ddl="CREATE UNIQUE INDEX invitations_code_unique ON {schema}.invitations (code_digest);",
)


class Invitations(Projection):
    """Invitations by id and code."""

    name = "invitations"
    version = 1
    lifecycle = "inline"
    tables = (INVITATIONS,)

    @handles(invitations.InvitationCreated)
    def created(self, rows: Rows, event: invitations.InvitationCreated) -> None:
        """A new code."""
        row = InvitationRow(
            id=stream_number(event.originator_id),
            code_digest=event.code_digest,
            label=event.label,
            max_uses=event.max_uses,
            times_used=0,
            expires_at=datetime.fromisoformat(event.expires_at) if event.expires_at else None,
            created_at=event.timestamp,
        )
        rows.add(INVITATIONS, row, event)

    @handles(invitations.InvitationUsed)
    def used(self, rows: Rows, event: Event) -> None:
        """One more has registered with it."""
        if row := rows.due(INVITATIONS, stream_number(event.originator_id), event):
            row.times_used += 1
