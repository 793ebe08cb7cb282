"""Courses, and the short form of a course that notes show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from eventstore.events import courses
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.rows import Rows


@dataclass(slots=True)
class CourseRow(Row):
    """One course."""

    id: int
    owner_id: int | None
    title: str
    description: str
    slug: str
    icon: int | None
    is_default: bool
    client_course_id: str | None
    sort_order: int
    created_at: datetime
    last_edit: datetime
    deleted_at: datetime | None
    card: str = ""
    """{id, title, slug} as JSON."""
    mark: int = 0

    def finish(self) -> None:
        """Renders the card."""
        self.card = orjson.dumps({"id": self.id, "title": self.title, "slug": self.slug}).decode()


COURSES = Table(
    "courses",
    CourseRow,
    key=("id",),
    stream="course",
    ddl="""
    CREATE UNIQUE INDEX courses_slug_unique ON {schema}.courses (slug);
    CREATE UNIQUE INDEX courses_one_default ON {schema}.courses (owner_id) WHERE is_default AND deleted_at IS NULL;
    CREATE UNIQUE INDEX courses_client_id_unique ON {schema}.courses (owner_id, client_course_id)
        WHERE client_course_id IS NOT NULL;
    CREATE INDEX courses_of_owner ON {schema}.courses (owner_id);
    """,
)


class Courses(Projection):
    """Courses by id, slug and owner."""

    name = "courses"
    version = 1
    lifecycle = "inline"
    tables = (COURSES,)

    @handles(courses.CourseCreated)
    def created(self, rows: Rows, event: courses.CourseCreated) -> None:
        """A new course."""
        row = CourseRow(
            id=stream_number(event.originator_id),
            owner_id=event.owner_id,
            title=event.title,
            description=event.description,
            slug=event.slug,
            icon=event.icon,
            is_default=event.is_default,
            client_course_id=event.client_course_id,
            sort_order=0,
            created_at=event.timestamp,
            last_edit=event.timestamp,
            deleted_at=None,
        )
        rows.add(COURSES, row, event)
