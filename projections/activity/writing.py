"""Notes that were written, per day, with their words: the past half of the heat map (contract: planner_platform 7.2, 7.5).

Inline although nothing but the heat map reads it, because the front page is asked for right after a note was saved.
Rows stay when their note is trashed or purged; they hold numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from eventstore.events import notes
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.rows import Rows


@dataclass(slots=True)
class WrittenNoteRow(Row):
    """One note as it was when it was made."""

    note_id: int
    owner_id: int
    words: int
    created_at: datetime
    mark: int = 0


WRITTEN = Table(
    "written_notes",
    WrittenNoteRow,
    key=("note_id",),
    stream="note",
    ddl="CREATE INDEX written_of_owner ON {schema}.written_notes (owner_id, created_at) INCLUDE (words);",
)


class Writing(Projection):
    """Numbers of words of new notes. A note without words does not count."""

    name = "writing"
    version = 1
    lifecycle = "inline"
    tables = (WRITTEN,)

    @handles(notes.NoteCreated)
    def created(self, rows: Rows, event: notes.NoteCreated) -> None:
        """A new note. One that the system put there, such as the welcome note, is nobody's writing."""
        words = len(event.content.split())
        if words and rows.current.about().get("actor") == event.owner_id:
            row = WrittenNoteRow(stream_number(event.originator_id), event.owner_id, words, event.timestamp)
            rows.add(WRITTEN, row, event)

    @handles(notes.NotePurged)
    def purged(self, rows: Rows, event: notes.NotePurged) -> None:
        """What was written is forgotten; that it was written is not, and this event tells it to a replay."""
        note_id = stream_number(event.originator_id)
        if event.words and rows.due(WRITTEN, note_id, event) is None:
            made_at = datetime.fromisoformat(event.made_at)
            rows.add(WRITTEN, WrittenNoteRow(note_id, event.owner_id, event.words, made_at), event)
