"""Which notes a command may touch, with the refusals in the order that clients know (contract: notes 14)."""

from __future__ import annotations

from datetime import UTC, datetime

from commands.errors import Forbidden, NotFound, Unreadable
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from commands.preconditions import require_version


def own_note(work: Work[Lookups], account_id: int, note_id: int, doing: str) -> Note:
    """The note, if the account wrote it. doing: what only the owner can do, such as `update this note`."""
    note = work.find(Note, note_id)
    if note is None or note.is_deleted:
        raise NotFound("Note")
    if note.owner_id != account_id:
        if not note.is_public:
            raise Unreadable
        raise Forbidden(f"Only the owner can {doing}.")
    return note


def require_state(work: Work[Lookups], note: Note) -> None:
    """Holds what the caller expects: the note's revision or last_edit."""
    require_version(work, note.revision, note.edited_on)


def as_wire_time(moment: datetime) -> str:
    """ISO 8601 in UTC with Z, as clients see last_edit."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
