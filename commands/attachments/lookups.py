"""What decisions about attachments ask of the read models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from commands.handling import Statement


class AttachmentLookups(Protocol):
    """Asked inside commands, in a thread."""

    def note_for_files(self, note_id: int) -> tuple[int, bool] | None:
        """(author, is it public) of a note that is not deleted."""

    def note_is_there(self, note_id: int) -> Statement:
        """Condition: the note is not deleted."""

    def attachments_of_notes(self, note_ids: Sequence[int]) -> Sequence[int]:
        """All that were attached to these notes, those in the recycle bin included."""

    def deleted_attachments(
        self, account_id: int, before: datetime | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[int]:
        """The account's attachments in the recycle bin, or those that were deleted before a time, by id: at most so many after one."""

    def stored_bytes(self, account_id: int) -> int:
        """Size of all files of the account's notes: attachments and covers, earlier covers and what lies in the recycle bin included."""
