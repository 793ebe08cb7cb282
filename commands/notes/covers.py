"""The cover picture of a note (contract: notes 18)."""

from __future__ import annotations

from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.access import own_note
from eventstore.events import notes


def change_cover(work: Work[Lookups], account_id: int, note_id: int, path: str) -> int:
    """Gives the note this cover, stored already; an empty path takes the cover away."""
    note = own_note(work, account_id, note_id, "change the cover")
    if note.cover_path != path:
        note.trigger(notes.NoteCoverChanged, work.context.now, path=path)
    return note_id
