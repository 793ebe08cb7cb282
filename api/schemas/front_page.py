"""Shape of the front page."""

from __future__ import annotations

from pydantic import BaseModel

from api.schemas.activity import HeatmapOut
from api.schemas.courses import CourseOut
from api.schemas.notes import NoteItemOut
from api.schemas.planner import PlannerEventOut


class FrontPageOut(BaseModel):
    """Courses and public notes; heat map and upcoming planner events only for signed-in callers."""

    default_course: CourseOut | None
    carousel_courses: list[CourseOut]
    recent_notes: list[NoteItemOut]
    recommended_notes: list[NoteItemOut]
    collections: list[CourseOut]
    heatmap: HeatmapOut | None = None
    upcoming_events: list[PlannerEventOut] | None = None
