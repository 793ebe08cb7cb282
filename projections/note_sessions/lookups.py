"""What commands about note sessions ask of the read models and the log (commands/note_sessions/lookups.py)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from projections.answers import SqlAnswers
from projections.reading import Query

_NOTE = """
SELECT n.title, n.description, p.zone
FROM notes.notes n LEFT JOIN planner.planners p ON p.account_id = n.owner_id
WHERE n.id = %(note)s AND n.owner_id = %(account)s"""

# The lock waits for a purge that has taken the note's row away, and makes a later one wait; edits go on.
_NOTE_IS_THERE = "SELECT log.require(EXISTS (SELECT FROM notes.notes WHERE id = %(note)s FOR KEY SHARE))"
_SESSIONS = "SELECT id FROM note_sessions.sessions WHERE note_id = ANY(%(notes)s::bigint[])"
_NO_SESSIONS = f"SELECT log.require(NOT EXISTS ({_SESSIONS}))"

_LAST_SAVE = """
SELECT max(recorded_at) FROM log.events
WHERE stream = %(stream)s AND recorded_at > %(after)s AND recorded_at <= %(before)s"""

_DANGLING = """
SELECT id, (SELECT position FROM log.events WHERE stream = 'note-session-' || id ORDER BY version LIMIT 1) AS started_by
FROM note_sessions.sessions WHERE ended_at IS NULL AND received_at < %(before)s ORDER BY received_at LIMIT %(limit)s"""


class NoteSessionAnswers(SqlAnswers):
    """Answers about sessions and their notes."""

    def note_for_session(self, account_id: int, note_id: int) -> tuple[str, str | None, str | None] | None:
        """(title, description, the account's zone) of a note of this account, in the bin or not."""
        row = self.row(_NOTE, account=account_id, note=note_id)
        return None if row is None else (row[0], row[1], row[2])

    def last_save(self, note_id: int, after: datetime, before: datetime) -> datetime | None:
        """When the note was last changed between the two times."""
        row = self.row(_LAST_SAVE, stream=f"note-{note_id}", after=after, before=before)
        assert row is not None
        found: datetime | None = row[0]
        return found

    def open_sessions(self, received_before: datetime, limit: int) -> list[tuple[int, int]]:
        """Sessions without an end that were started so long ago, oldest first, each with the position of the event that started it."""
        return [(row[0], row[1]) for row in self.rows(_DANGLING, before=received_before, limit=limit)]

    def note_is_not_purged(self, note_id: int) -> Query:
        """There, in the bin or not, for as long as the transaction lasts."""
        return Query(_NOTE_IS_THERE, {"note": note_id})

    def notes_have_no_sessions(self, note_ids: Sequence[int]) -> Query:
        """Without sessions, also such as were started meanwhile."""
        return Query(_NO_SESSIONS, {"notes": list(note_ids)})

    def sessions_of_notes(self, note_ids: Sequence[int]) -> list[int]:
        """All sessions of these notes."""
        return [row[0] for row in self.rows(_SESSIONS, notes=list(note_ids))]
