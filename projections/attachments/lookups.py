"""What commands ask about attachments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from projections.answers import SqlAnswers
from projections.reading import Query

# The lock waits for a deletion that has written the note's row, and makes a later one wait.
_NOTE_IS_THERE = "SELECT log.require(EXISTS (SELECT FROM notes.notes WHERE id = %(note)s AND deleted_at IS NULL FOR SHARE))"


class AttachmentAnswers(SqlAnswers):
    """Implements commands.attachments.lookups.AttachmentLookups."""

    def note_for_files(self, note_id: int) -> tuple[int, bool] | None:
        """(author, is it public) of a note that is not deleted."""
        row = self.row("SELECT owner_id, is_public FROM notes.notes WHERE id = %(note)s AND deleted_at IS NULL", note=note_id)
        return (row[0], row[1]) if row else None

    def note_is_there(self, note_id: int) -> Query:
        """Not deleted, for as long as the transaction lasts."""
        return Query(_NOTE_IS_THERE, {"note": note_id})

    def attachments_of_notes(self, note_ids: Sequence[int]) -> list[int]:
        """All that were attached to these notes, those in the recycle bin included."""
        sql = "SELECT id FROM attachments.attachments WHERE note_id = ANY(%(notes)s::bigint[]) ORDER BY id"
        rows = self.rows(sql, notes=list(note_ids))
        return [attachment_id for (attachment_id,) in rows]

    def deleted_attachments(
        self, account_id: int, before: datetime | None = None, *, after: int = 0, limit: int | None = None
    ) -> list[int]:
        """The account's attachments in the recycle bin, or those that were deleted before a time, by id: at most so many after one."""
        rows = self.rows(
            "SELECT id FROM attachments.attachments"
            " WHERE owner_id = %(account)s AND deleted_at < coalesce(%(before)s::timestamptz, 'infinity')"
            " AND id > %(after)s ORDER BY id LIMIT %(limit)s",
            account=account_id,
            before=before,
            after=after,
            limit=limit,
        )
        return [attachment_id for (attachment_id,) in rows]

    def stored_bytes(self, account_id: int) -> int:
        """Size of all files of the account's notes: attachments and covers, earlier covers and what lies in the recycle bin included."""
        row = self.row(
            "SELECT (SELECT coalesce(sum(size), 0) FROM attachments.attachments WHERE owner_id = %(account)s)::bigint"
            " + (SELECT coalesce(sum(size), 0) FROM attachments.covers WHERE owner_id = %(account)s)::bigint",
            account=account_id,
        )
        assert row is not None
        return int(row[0])
