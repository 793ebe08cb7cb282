"""Shape of what restoring the sample courses answers."""

from __future__ import annotations

from pydantic import BaseModel

from api.schemas.courses import CourseOut


class SamplesRestoredOut(BaseModel):
    """What was done, one line per step, and all courses."""

    message: str
    log: str
    courses: list[CourseOut]
