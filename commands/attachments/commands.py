"""Attaching files to notes, taking them away and bringing them back (contract: notes 12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from commands.attachments.aggregate import Attachment
from commands.errors import Declined, Forbidden, NotFound, Unreadable
from commands.handling import Work
from commands.lookups import Lookups
from commands.preconditions import require_version
from eventstore.events import attachments


class AttachFile(BaseModel):
    """A file whose bytes lie in the store already."""

    model_config = ConfigDict(frozen=True)

    note_id: int
    filename: str
    size: int
    content_type: str
    media_type: str
    path: str
    sha256: str


def attach_file(work: Work[Lookups], account_id: int, command: AttachFile, quota: int | None) -> int:
    """Notes the file as an attachment. quota: bytes that the account may store at most."""
    require_note(work, account_id, command.note_id, "upload attachments")
    require_room(work, account_id, command.size, quota)
    attachment = work.new(Attachment, work.lookups.next_id("attachment"))
    attachment.trigger(attachments.AttachmentUploaded, work.context.now, owner_id=account_id, **command.model_dump())
    # A note that is purged at this very moment takes only those files along that it had.
    work.require(work.lookups.note_is_there(command.note_id))
    return attachment.number


def delete_attachment(work: Work[Lookups], account_id: int, note_id: int, attachment_id: int) -> None:
    """Puts the file into the recycle bin: its address answers 404 from now on."""
    require_note(work, account_id, note_id, "delete attachments")
    attachment = work.find(Attachment, attachment_id)
    if attachment is None or attachment.note_id != note_id or attachment.is_deleted:
        raise NotFound("NoteAttachment")
    require_version(work, attachment.uploaded_on)
    attachment.trigger(attachments.AttachmentDeleted, work.context.now)


def restore_attachment(work: Work[Lookups], account_id: int, attachment_id: int) -> int:
    """Brings the file back under its old address. Its note has to be there."""
    attachment = work.find(Attachment, attachment_id)
    if attachment is None or attachment.owner_id != account_id or not attachment.is_deleted or attachment.is_purged:
        raise NotFound("NoteAttachment")
    if work.lookups.note_for_files(attachment.note_id) is None:
        raise Declined("The note of this file lies in the recycle bin itself. Restore the note first.")
    attachment.trigger(attachments.AttachmentRestored, work.context.now)
    return attachment_id


def purge_attachments_of(work: Work[Lookups], note_ids: Sequence[int]) -> None:
    """Makes all files of these notes forgotten, as part of purging the notes."""
    for attachment in work.find_all(Attachment, work.lookups.attachments_of_notes(note_ids)):
        _purge(work, attachment)


def purge_deleted_attachments(work: Work[Lookups], attachment_ids: Sequence[int], before: datetime | None = None) -> None:
    """Makes files that lie in the recycle bin forgotten, as part of emptying it. before: only what was deleted earlier."""
    for attachment in work.find_all(Attachment, attachment_ids):
        # It may have been restored at this moment.
        deleted_on = attachment.deleted_on if attachment.is_deleted else None
        if deleted_on is not None and (before is None or deleted_on < before):
            _purge(work, attachment)


def require_room(work: Work[Lookups], account_id: int, size: int, quota: int | None) -> None:
    """Raises Declined when so many bytes more would be more than the account may store."""
    if quota is not None and work.lookups.stored_bytes(account_id) + size > quota:
        raise Declined("There is no room left for this file in your account.")


def require_note(work: Work[Lookups], account_id: int, note_id: int, doing: str) -> None:
    """Raises what keeps this account from doing this with the note's files: NotFound, Unreadable, Forbidden."""
    found = work.lookups.note_for_files(note_id)
    if found is None:
        raise NotFound("Note")
    author_id, is_public = found
    if author_id != account_id:
        if not is_public:
            raise Unreadable
        raise Forbidden(f"Only the owner can {doing}.")


def _purge(work: Work[Lookups], attachment: Attachment) -> None:
    if attachment.is_purged:
        return
    folder = attachment.path.rpartition("/")[0]
    work.forget(attachment)
    attachment.trigger(attachments.AttachmentPurged, work.context.now, folder=folder)
