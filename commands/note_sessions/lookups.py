"""What decisions about note sessions ask of the read models."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from commands.handling import Statement


class NoteSessionLookups(Protocol):
    """Questions about sessions and the notes that they are about."""

    def note_for_session(self, account_id: int, note_id: int) -> tuple[str, str | None, str | None] | None:
        """(title, description, the account's zone) of a note of this account, in the bin or not; None for others."""

    def last_save(self, note_id: int, after: datetime, before: datetime) -> datetime | None:
        """When the note was last changed between the two times."""

    def open_sessions(self, received_before: datetime, limit: int) -> list[tuple[int, int]]:
        """Sessions without an end that were started so long ago, oldest first, each with the position of the event that started it."""

    def note_is_not_purged(self, note_id: int) -> Statement:
        """Condition: the note is there, in the bin or not."""

    def notes_have_no_sessions(self, note_ids: Sequence[int]) -> Statement:
        """Condition: nothing is left of the sessions of these notes."""

    def sessions_of_notes(self, note_ids: Sequence[int]) -> list[int]:
        """All sessions of these notes."""
