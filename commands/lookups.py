"""Questions that decisions ask of the read models. The answers are handed in; the write side knows no tables."""

from __future__ import annotations

from typing import Protocol

from commands.accounts.lookups import AccountLookups
from commands.attachments.lookups import AttachmentLookups
from commands.calendars.lookups import CalendarLookups
from commands.courses.lookups import CourseLookups
from commands.note_sessions.lookups import NoteSessionLookups
from commands.notes.lookups import NoteLookups
from commands.planner.lookups import PlannerLookups
from commands.undo_lookups import ChangeLookups


class Ids(Protocol):
    """Where new ids come from."""

    def next_id(self, kind: str) -> int:
        """A new id that clients will see. kind: account, session, course, note, attachment, ..."""


class Lookups(
    CalendarLookups,
    ChangeLookups,
    AttachmentLookups,
    CourseLookups,
    NoteLookups,
    NoteSessionLookups,
    PlannerLookups,
    AccountLookups,
    Ids,
    Protocol,
):
    """All of them. Asked inside commands, in a thread; inline projections answer, so they are never behind."""
