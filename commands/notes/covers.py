"""The cover picture of a note (contract: notes 18)."""

from __future__ import annotations

from commands.attachments.commands import require_room
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.access import own_note
from eventstore.events import notes

DOING = "change the cover"


def set_cover(work: Work[Lookups], account_id: int, note_id: int, path: str, size: int, quota: int | None) -> int:
    """Gives the note this cover, stored already. quota: bytes that the account may store at most, earlier covers included."""
    note = own_note(work, account_id, note_id, DOING)
    require_room(work, account_id, size, quota)
    note.trigger(notes.NoteCoverChanged, work.context.now, path=path, owner_id=account_id, size=size)
    return note_id


def remove_cover(work: Work[Lookups], account_id: int, note_id: int) -> int:
    """Takes the cover away, if there is one. Its picture is kept: the note as it was shows it, and undoing brings it back."""
    note = own_note(work, account_id, note_id, DOING)
    if note.cover_path:
        note.trigger(notes.NoteCoverChanged, work.context.now, path="", owner_id=account_id)
    return note_id
