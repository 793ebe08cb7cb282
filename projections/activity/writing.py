"""Notes that were written, per day, with their words: the past half of the heat map (contract: planner_platform 7.2, 7.5).

Inline although nothing but the heat map reads it, because the front page is asked for right after a note was saved.
Rows stay when their note is trashed or purged; they hold numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from eventstore.events import Forgotten, notes
from eventstore.events.base import stream_number
from eventstore.events.erasure import StreamForgotten
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
        # Events of older releases do not say it.
        words = event.words or len(event.content.split())
        if words and self._writer(rows) == event.owner_id:
            row = WrittenNoteRow(stream_number(event.originator_id), event.owner_id, words, event.timestamp)
            rows.add(WRITTEN, row, event)

    @handles(Forgotten)
    def creation_forgotten(self, rows: Rows, event: Forgotten) -> None:
        """A note whose text is gone; its numbers come with the event that tells of the purge."""
        writer = self._writer(rows)
        if event.forgotten_type == notes.NoteCreated.__name__ and writer is not None:
            rows.add(WRITTEN, WrittenNoteRow(stream_number(event.originator_id), writer, 0, event.timestamp), event)

    @handles(notes.NotePurged)
    def purged(self, rows: Rows, event: notes.NotePurged) -> None:
        """The note is gone, but not that it was written."""
        note_id = stream_number(event.originator_id)
        if row := rows.due(WRITTEN, note_id, event):
            row.words = event.words
            if not event.words or row.owner_id != event.owner_id:
                rows.remove(WRITTEN, note_id)

    @handles(StreamForgotten)
    def stream_forgotten(self, rows: Rows, event: StreamForgotten) -> None:
        """An operator had all of it forgotten."""
        self.owner_erased(rows, event)

    @staticmethod
    def _writer(rows: Rows) -> int | None:
        return rows.current.about().get("actor")
