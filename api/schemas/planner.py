"""Shapes of planner events."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from api.fields import Boolean, Date, DateTime, Integer, Model, Text
from api.schemas.references import CourseReference

HEAVIEST = 2**31 - 1


class PlannerEventIn(Model):
    """A planner event. Times without an offset are wall-clock times in the account's zone, or UTC until one is chosen."""

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
        str | None, Text(max=64, blank=True, null=True, doc="An id that the client chose; a repeated upload finds its event by it.")
    ] = None


class PlannerEventChange(Model):
    """What to change. A new day alone moves the event by whole days, a new start alone keeps its length."""

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
    """Which events; unreadable values are ignored."""

    include_completed: str = Field(default="", description="`1` or `true` includes completed events.")
    limit: str = Field(default="", description="1 to 200.")


class PlannerEventOut(BaseModel):
    """A planner event. event_date is the day of its start."""

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
    """One step in the life of a planner event: created, moved, completed, reopened, deleted or restored."""

    step: str
    at: datetime
    from_date: date | None
    to_date: date | None
    slipped_days: int


class TimeZone(Model):
    """The zone of times without an offset; null means UTC."""

    time_zone: Annotated[str | None, Text(max=64, null=True, doc="Such as Europe/Berlin.")]
