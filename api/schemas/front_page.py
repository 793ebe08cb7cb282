"""Shape of the front page."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from api.schemas.activity import HeatmapOut, NoteSummaries
from api.schemas.planner import PlannerEventOut

CourseOut = dict[str, Any]
"""A course as the list of courses shows it."""


class FrontPageOut(BaseModel):
    """Courses and public notes; heat map and upcoming plans only for somebody who is signed in."""

    default_course: CourseOut | None
    carousel_courses: list[CourseOut]
    recent_notes: NoteSummaries
    recommended_notes: NoteSummaries
    collections: list[CourseOut]
    heatmap: HeatmapOut | None = None
    upcoming_events: list[PlannerEventOut] | None = None
