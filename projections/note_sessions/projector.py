"""Events of note sessions -> rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from eventstore import moments
from eventstore.events import Event, note_sessions
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.rows import Rows
from projections.wire import fragment, offset_time

OPEN_LENGTH = timedelta(minutes=15)
"""How long an open session looks."""


@dataclass(slots=True)
class NoteSessionRow(Row):
    """One session."""

    id: int
    owner_id: int
    note_id: int
    title: str
    summary: str
    started_at: datetime
    ended_at: datetime | None
    received_at: datetime
    last_edit: datetime
    item: str = ""
    """Members of the session object as JSON, without course_id, which is the note's."""
    mark: int = 0

    def finish(self) -> None:
        """Renders the session object."""
        self.item = fragment(
            {
                "id": self.id,
                "title": self.title,
                "kind": "note_session",
                "note_id": self.note_id,
                "summary": self.summary,
                "starts_at": offset_time(self.started_at),
                "ends_at": offset_time(self.ended_at or self.started_at + OPEN_LENGTH),
                "ended_at": offset_time(self.ended_at),
                "last_edit": offset_time(self.last_edit),
            }
        )


SESSIONS = Table(
    "sessions",
    NoteSessionRow,
    key=("id",),
    stream="note-session",
    ddl="""
    CREATE INDEX note_sessions_of_owner ON {schema}.sessions (owner_id, started_at DESC, id DESC);
    CREATE INDEX note_sessions_of_note ON {schema}.sessions (note_id);
    CREATE INDEX note_sessions_open ON {schema}.sessions (received_at) WHERE ended_at IS NULL;
    """,
)


class NoteSessions(Projection):
    """Sessions by owner, start and note."""

    name = "note_sessions"
    version = 2
    lifecycle = "inline"
    tables = (SESSIONS,)

    @handles(note_sessions.NoteSessionStarted)
    def started(self, rows: Rows, event: note_sessions.NoteSessionStarted) -> None:
        """A new session."""
        row = NoteSessionRow(
            id=stream_number(event.originator_id),
            owner_id=event.owner_id,
            note_id=event.note_id,
            title=event.title,
            summary=event.summary,
            started_at=moments.instant(event.started_at),
            ended_at=moments.instant(event.ended_at) if event.ended_at else None,
            received_at=event.timestamp,
            last_edit=event.timestamp,
        )
        rows.add(SESSIONS, row, event)

    @handles(note_sessions.NoteSessionRenamed)
    def renamed(self, rows: Rows, event: note_sessions.NoteSessionRenamed) -> None:
        """Another title."""
        if row := self._due(rows, event):
            row.title = event.title

    @handles(note_sessions.NoteSessionSummarised)
    def summarised(self, rows: Rows, event: note_sessions.NoteSessionSummarised) -> None:
        """Another summary."""
        if row := self._due(rows, event):
            row.summary = event.summary

    @handles(note_sessions.NoteSessionStartMoved)
    def start_moved(self, rows: Rows, event: note_sessions.NoteSessionStartMoved) -> None:
        """Another start."""
        if row := self._due(rows, event):
            row.started_at = moments.instant(event.started_at)

    @handles(note_sessions.NoteSessionEnded)
    def ended(self, rows: Rows, event: note_sessions.NoteSessionEnded) -> None:
        """An end."""
        if row := self._due(rows, event):
            row.ended_at = moments.instant(event.ended_at)

    @handles(note_sessions.NoteSessionReopened)
    def reopened(self, rows: Rows, event: Event) -> None:
        """No end."""
        if row := self._due(rows, event):
            row.ended_at = None

    @handles(note_sessions.NoteSessionPurged)
    def purged(self, rows: Rows, event: Event) -> None:
        """Gone with its note."""
        rows.remove(SESSIONS, stream_number(event.originator_id))

    def _due(self, rows: Rows, event: Event) -> NoteSessionRow | None:
        row = rows.due(SESSIONS, stream_number(event.originator_id), event)
        if row is not None:
            row.last_edit = event.timestamp
        return row
