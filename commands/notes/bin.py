"""The recycle bin of notes: in, out, and emptied, which forgets (contract: notes 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from commands.attachments.commands import purge_attachments_of, purge_deleted_attachments
from commands.errors import NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.note_sessions.commands import purge_sessions_of
from commands.notes.access import own_note, require_state
from commands.notes.aggregate import Note
from commands.preconditions import require_version
from eventstore.events import notes


def delete_note(work: Work[Lookups], account_id: int, note_id: int) -> None:
    """Puts the note into the recycle bin; comments on it become private."""
    note = own_note(work, account_id, note_id, "delete this note")
    require_state(work, note)
    put_into_bin(work, note)


def put_into_bin(work: Work[Lookups], note: Note) -> None:
    """The same without the question whose it is."""
    now = work.context.now
    note.trigger(notes.NoteDeleted, now, was_public=note.is_public)
    for comment in work.find_all(Note, work.lookups.comments_on([note.uuid])):
        hide_comment(comment, now)
    # A comment that is made at this very moment was not found above.
    work.require(work.lookups.no_public_comments([note.uuid], None))


def hide_comment(comment: Note, now: datetime) -> None:
    """Makes a comment private whose source goes."""
    if not comment.is_deleted and comment.is_public and comment.note_type == "C":
        comment.trigger(notes.NoteUnpublished, now)


def restore_note(work: Work[Lookups], account_id: int, note_id: int) -> None:
    """Brings the note back with all it had, private."""
    note = work.find(Note, note_id)
    if note is None or note.owner_id != account_id or not note.is_deleted or note.is_purged:
        raise NotFound("Note")
    require_state(work, note)
    note.trigger(notes.NoteRestored, work.context.now)


def empty_bin(work: Work[Lookups], account_id: int) -> int:
    """Purges everything in the account's bin: what was written is overwritten in the log. Returns how many notes that were.

    What the caller expects is the time of the latest deletion, so that nothing goes that it has not seen in the bin.
    """
    note_ids = work.lookups.deleted_notes(account_id)
    if note_ids and work.context.expects is not None:
        require_version(work, work.lookups.latest_deletion(account_id))
    count = purge_deleted_notes(work, account_id, note_ids)
    purge_deleted_attachments(work, work.lookups.deleted_attachments(account_id))
    return count


def purge_deleted_notes(work: Work[Lookups], account_id: int, note_ids: Sequence[int], before: datetime | None = None) -> int:
    """Purges those of the notes that lie in the account's bin; returns how many. before: only what was deleted earlier."""
    going = [
        note
        for note in work.find_all(Note, note_ids)
        if note.owner_id == account_id and note.is_deleted and not note.is_purged and (before is None or note.edited_on < before)
    ]
    purge_notes(work, going)
    return len(going)


def purge_notes(work: Work[Lookups], going: Sequence[Note]) -> None:
    """Makes notes forgotten. Comments on them stay, without their source."""
    if not going:
        return
    now, numbers = work.context.now, [note.number for note in going]
    for comment, _ in comments_on(work, going):
        comment.trigger(notes.NoteSourcePurged, now)
    purge_attachments_of(work, numbers)
    purge_sessions_of(work, numbers)
    for note in going:
        work.forget(note)
        made_at = note.created_on.astimezone(UTC).isoformat()
        note.trigger(notes.NotePurged, now, owner_id=note.owner_id, made_at=made_at, words=note.words_at_first)


def comments_on(work: Work[Lookups], sources: Sequence[Note]) -> list[tuple[Note, Note]]:
    """Comments on these notes that were not purged, each with the note that it is on; read together."""
    by_uuid = {source.uuid: source for source in sources}
    return [
        (comment, source)
        for comment in work.find_all(Note, work.lookups.comments_on(list(by_uuid)))
        if not comment.is_purged and (source := by_uuid.get(comment.source_note_uuid or "")) is not None
    ]
