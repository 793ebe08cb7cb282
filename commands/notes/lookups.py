"""What decisions about notes ask of the read models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from commands.handling import Statement


@dataclass(frozen=True, slots=True)
class NewNote:
    """What a note that comes in meets, answered in one round trip."""

    note_id: int
    """A new id, in case that a note is made."""
    draft_note_id: int | None
    """The note that this draft has become before."""
    twin_note_ids: Sequence[int]
    """Notes of the same title, text, type, source and course that drafts of other names have become just now."""
    course_id: int | None
    """Where it is filed: the wanted course if it may be used, else the Inbox."""
    editor_mode: str
    """What the account prefers."""
    source_note_uuid: str | None
    """The note that it comments on, if that one may be read."""
    offline_source_id: int | None
    """The own note that it was forked from, if there is one."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """The parts of a note that comes in which the read models have something to say about."""

    course_id: int | None
    client_draft_id: str | None
    title: str
    content: str
    note_type: str
    may_have_twin: bool
    source_note_uuid: str | None
    offline_source_id: int | None
    since: datetime
    """Identical drafts are recognised from here on."""


NewNoteParts = tuple[int, int | None, Sequence[int], int | None, str, str | None, int | None]


class NoteLookups(Protocol):
    """Asked inside commands, in a thread."""

    def for_new_note(self, account_id: int, incoming: Incoming) -> NewNoteParts:
        """Everything that creating a note has to know, as the parts of a NewNote."""

    def course_for_notes(self, account_id: int, course_id: int | None) -> int | None:
        """The course if the account may file notes in it, else the account's Inbox."""

    def note_is_there(self, note_id: int) -> Statement:
        """Requires that the note is not deleted, and keeps it from being deleted until the end of the transaction."""

    def drafts_take_turns(self, account_id: int, incoming: Incoming) -> Statement:
        """Lets uploads of the same draft, and of drafts of the same title and text, commit one after the other. The last lock that a
        transaction waits for.
        """

    def draft_is_no_others(self, account_id: int, note_id: int, incoming: Incoming) -> Statement:
        """Requires that no other note has the name of this draft."""

    def draft_is_new(
        self, account_id: int, note_id: int, incoming: Incoming, filed: tuple[int, str | None], met: Sequence[int]
    ) -> Statement:
        """Requires that no note was recognised under this draft's name, and that the note that is made of it has no twins but those met.

        filed: the new note's course, and the uuid of the note that it comments on.
        """

    def source_is_there(self, uuid: str) -> Statement:
        """The same of the note of this uuid, for what names it as its source."""

    def no_public_comments(self, uuids: Sequence[str], but_of: int | None) -> Statement:
        """Requires that comments on the notes of these uuids are private. but_of: whose comments do not count."""

    def note_of_uuid(self, uuid: str) -> int | None:
        """The note of this uuid, also one in the recycle bin."""

    def comments_on(self, uuids: Sequence[str]) -> Sequence[int]:
        """Notes that have one of these as their source."""

    def latest_deletion(self, account_id: int) -> datetime | None:
        """When the newest of the account's deleted notes was deleted."""

    def owners_of_old_bins(self, before: datetime) -> Sequence[int]:
        """Accounts in whose recycle bins lie notes or attachments that were deleted before a time."""

    def deleted_notes(self, account_id: int, before: datetime | None = None, *, after: int = 0, limit: int | None = None) -> Sequence[int]:
        """The account's notes in the recycle bin, or those of them that were deleted before a time, by id: at most so many after one."""

    def note_version_at(self, note_id: int, moment: datetime) -> int:
        """The version that the note had at a moment, 0 before its first."""
