"""The read models' answers to what commands ask (commands/lookups.py)."""

from __future__ import annotations

from projections.accounts.lookups import AccountAnswers
from projections.attachments.lookups import AttachmentAnswers
from projections.calendars.lookups import CalendarAnswers
from projections.changes.lookups import ChangeAnswers
from projections.courses.lookups import CourseAnswers
from projections.note_sessions.lookups import NoteSessionAnswers
from projections.notes.lookups import NoteAnswers
from projections.planner.lookups import PlannerAnswers


class SqlLookups(
    CalendarAnswers,
    ChangeAnswers,
    AttachmentAnswers,
    CourseAnswers,
    NoteAnswers,
    NoteSessionAnswers,
    PlannerAnswers,
    AccountAnswers,
):
    """All lookups. Each area adds its own class of answers (over projections.answers.SqlAnswers) as a base."""
