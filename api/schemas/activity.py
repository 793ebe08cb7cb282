"""Shapes of the week, the heat map and the list of recent notes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.fields import Model
from api.schemas.note_sessions import NoteSessionOut
from api.schemas.planner import PlannerEventOut


class WeekQuery(Model):
    """Which days."""

    start_date: str = Field(default="", description="The first day, such as 2031-05-06; anything unreadable means today.")
    days: str = Field(default="", description="3, 7 or 30; anything else means 7.")


class PlanEntryOut(PlannerEventOut):
    """A planner event in the week."""

    kind: Literal["plan"]
    source_id: int


class CalendarEntryOut(BaseModel):
    """A calendar entry in the week."""

    kind: Literal["calendar"]
    title: str
    starts_at: datetime
    ends_at: datetime
    all_day: bool
    location: str
    description: str
    calendar_title: str
    source_id: int
    course_id: int | None


EntryOut = Annotated[PlanEntryOut | NoteSessionOut | CalendarEntryOut, Field(discriminator="kind")]
"""What stands in the week."""


class DayOut(BaseModel):
    """One day, with everything that begins on it."""

    date: date
    events: list[EntryOut]


class DeadlineOut(PlannerEventOut):
    """An open planner event of today or later. The score is its weight divided by the hours left."""

    urgency_score: float


class WeekOut(BaseModel):
    """Consecutive days, and the most urgent planner events."""

    start_date: date
    previous_week_start: date
    next_week_start: date
    days: list[DayOut]
    deadlines: list[DeadlineOut]


class CellOut(BaseModel):
    """One day of the heat map. The intensity goes from 0 to 4."""

    date: date
    kind: Literal["past", "today", "future"]
    past_value: int
    future_value: int
    intensity: int
    is_today: bool


class HeatmapOut(BaseModel):
    """365 consecutive days with today in the middle: what was written, and what is planned."""

    today: date
    start_date: date
    end_date: date
    days_before: int
    days_after: int
    cells: list[CellOut]
    max_past_value: int
    max_future_value: int
