"""Shapes of planner events."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel

from api.fields import Boolean, Date, DateTime, Integer, Model, Text
from api.schemas.references import CourseReference

HEAVIEST = 2**31 - 1


class PlannerEventIn(Model):
    """A plan. Times without an offset are wall-clock times in the account's zone, which is UTC unless one was chosen."""

    title: Annotated[str, Text(max=120)]
    event_date: Annotated[date, Date()]
    starts_at: Annotated[datetime | None, DateTime(naive=True, null=True)] = None
    ends_at: Annotated[datetime | None, DateTime(naive=True, null=True)] = None
    difficulty_weight: Annotated[int, Integer(min=1, max=HEAVIEST)] = 1
    description: Annotated[str | None, Text(max=255, blank=True, null=True)] = None
    course_id: Annotated[int | None, CourseReference(null=True)] = None
    is_completed: Annotated[bool, Boolean()] = False
    completed_at: Annotated[datetime | None, DateTime(naive=True, null=True)] = None
    client_event_id: Annotated[
        str | None, Text(max=64, blank=True, null=True, doc="A name of the client's own; a repeated upload finds the event by it.")
    ] = None


class PlannerEventChange(Model):
    """What changes about a plan. A new day alone moves it by whole days, a new start alone keeps its length."""

    title: Annotated[str | None, Text(max=120)] = None
    event_date: Annotated[date | None, Date()] = None
    starts_at: Annotated[datetime | None, DateTime(naive=True, null=True)] = None
    ends_at: Annotated[datetime | None, DateTime(naive=True, null=True)] = None
    difficulty_weight: Annotated[int | None, Integer(min=1, max=HEAVIEST)] = None
    description: Annotated[str | None, Text(max=255, blank=True, null=True)] = None
    course_id: Annotated[int | None, CourseReference(null=True)] = None
    is_completed: Annotated[bool | None, Boolean()] = None
    completed_at: Annotated[datetime | None, DateTime(naive=True, null=True)] = None


class PlannerEventQuery(Model):
    """Completed events as well (1 or true), and how many at most (1 to 200); anything else is ignored."""

    include_completed: str = ""
    limit: str = ""


class PlannerEventOut(BaseModel):
    """A plan. It falls on event_date, the day of its start."""

    id: int
    title: str
    event_date: date
    starts_at: datetime
    ends_at: datetime
    difficulty_weight: int
    description: str
    course_id: int | None
    is_completed: bool
    completed_at: datetime | None
    client_event_id: str | None
    date_created: datetime
    last_edit: datetime


class TrailStepOut(BaseModel):
    """One step in the life of a plan: created, moved, completed, reopened, deleted or restored."""

    step: str
    at: datetime
    from_date: date | None
    to_date: date | None
    slipped_days: int


class TimeZone(Model):
    """The zone in which times without an offset are understood; null means UTC."""

    time_zone: Annotated[str | None, Text(max=64, null=True, doc="Such as Europe/Berlin.")]
