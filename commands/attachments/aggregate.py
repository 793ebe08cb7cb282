"""An attachment as its decisions see it."""

from __future__ import annotations

from datetime import datetime

from commands.aggregate import Aggregate, evolves
from eventstore.events import attachments


class Attachment(Aggregate):
    """One file of a note."""

    kind = "attachment"

    note_id: int = 0
    owner_id: int = 0
    path: str = ""
    uploaded_on: datetime | None = None
    is_deleted: bool = False
    deleted_on: datetime | None = None
    is_purged: bool = False

    @evolves(attachments.AttachmentUploaded)
    def _uploaded(self, event: attachments.AttachmentUploaded) -> None:
        self.note_id = event.note_id
        self.owner_id = event.owner_id
        self.path = event.path
        self.uploaded_on = event.timestamp

    @evolves(attachments.AttachmentDeleted)
    def _deleted(self, event: attachments.AttachmentDeleted) -> None:
        self.is_deleted = True
        self.deleted_on = event.timestamp

    @evolves(attachments.AttachmentRestored)
    def _restored(self, event: attachments.AttachmentRestored) -> None:
        self.is_deleted = False

    @evolves(attachments.AttachmentPurged)
    def _purged(self, event: attachments.AttachmentPurged) -> None:
        self.is_deleted = self.is_purged = True
