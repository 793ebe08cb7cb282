"""Shapes of note sessions. They are written as started_at and ended_at, and read as starts_at and ends_at."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.fields import DateTime, Integer, Model, Text

SUMMARY = Text(max=255, cut=True, blank=True, doc="Cut at 255 characters: apps send the note's description, which may be longer.")


class NoteSessionIn(Model):
    """One sitting on a note. Times without an offset are times in the account's zone, or, until one is chosen, the client's local times."""

    note_id: Annotated[int, Integer()]
    title: Annotated[str, Text(max=120, blank=True)] = ""
    summary: Annotated[str, SUMMARY] = ""
    started_at: Annotated[datetime | None, DateTime(naive=True, null=True)] = None
    ended_at: Annotated[datetime | None, DateTime(naive=True, null=True)] = None


class NoteSessionChange(Model):
    """What to change; `ended_at` closes the session, null reopens it."""

    note_id: Annotated[int | None, Integer()] = None
    title: Annotated[str | None, Text(max=120, blank=True)] = None
    summary: Annotated[str | None, SUMMARY] = None
    started_at: Annotated[datetime | None, DateTime(naive=True)] = None
    ended_at: Annotated[datetime | None, DateTime(naive=True, null=True)] = None


class NoteSessionQuery(Model):
    """Which sessions."""

    note_id: Annotated[int | None, Integer(doc="Only sessions on this note.")] = None
    limit: str = Field(default="", description="1 to 200.")


class NoteSessionOut(BaseModel):
    """A note session. While it is open, ends_at is a quarter of an hour after its start."""

    id: int
    title: str
    kind: Literal["note_session"]
    note_id: int
    course_id: int | None
    summary: str
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    last_edit: datetime
