"""Events of courses -> rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from eventstore.events import Event, courses
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.media import media_url, with_origin
from projections.rows import Rows
from projections.wire import fragment, zulu_time


@dataclass(slots=True)
class CourseRow(Row):
    """One course."""

    id: int
    owner_id: int | None
    title: str
    description: str
    slug: str
    icon: int | None
    color_hue: int | None
    is_default: bool
    client_course_id: str | None
    sort_order: int
    cover_path: str
    media: str
    """The pictures as a JSON list, oldest first."""
    created_at: datetime
    last_edit: datetime
    deleted_at: datetime | None
    title_key: str = ""
    """The title in lower case, for the order of lists."""
    card: str = ""
    """{id, title, slug} as JSON."""
    item: str = ""
    """Members of the course object as JSON; what depends on others and on the reader is added when it is served."""
    mark: int = 0

    def finish(self) -> None:
        """Renders the card and the item."""
        self.title_key = self.title.lower()
        self.card = orjson.dumps({"id": self.id, "title": self.title, "slug": self.slug}).decode()
        members = fragment(
            {
                "id": self.id,
                "client_course_id": self.client_course_id,
                "slug": self.slug,
                "title": self.title,
                "description": self.description,
                "cover_image_url": media_url(self.cover_path),
                "icon": self.icon,
                "color_hue": self.color_hue,
                "is_default": self.is_default,
                "sort_order": self.sort_order,
                "date_created": zulu_time(self.created_at),
                "last_edit": zulu_time(self.last_edit),
                "media": [
                    {
                        "id": picture["id"],
                        "title": picture["title"],
                        "description": picture["description"],
                        "source": picture["source"],
                        "image_url": media_url(picture["path"]),
                    }
                    for picture in orjson.loads(self.media)
                ],
            }
        )
        self.item = with_origin(members)


COURSES = Table(
    "courses",
    CourseRow,
    key=("id",),
    stream="course",
    ddl="""
    CREATE UNIQUE INDEX courses_slug_unique ON {schema}.courses (slug);
    CREATE UNIQUE INDEX courses_one_default ON {schema}.courses (owner_id) WHERE is_default AND deleted_at IS NULL;
    CREATE UNIQUE INDEX courses_client_id_unique ON {schema}.courses (owner_id, client_course_id)
        WHERE client_course_id IS NOT NULL AND deleted_at IS NULL;
    CREATE INDEX courses_of_owner ON {schema}.courses (owner_id);
    CREATE INDEX courses_by_title ON {schema}.courses (title_key COLLATE "C", id) WHERE NOT is_default AND deleted_at IS NULL;
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
            color_hue=None,
            is_default=event.is_default,
            client_course_id=event.client_course_id,
            sort_order=0,
            cover_path=event.cover_path,
            media="[]",
            created_at=event.timestamp,
            last_edit=event.timestamp,
            deleted_at=None,
        )
        rows.add(COURSES, row, event)

    @handles(courses.CourseRenamed)
    def renamed(self, rows: Rows, event: courses.CourseRenamed) -> None:
        """Another title."""
        if row := self._edited(rows, event):
            row.title = event.title

    @handles(courses.CourseDescribed)
    def described(self, rows: Rows, event: courses.CourseDescribed) -> None:
        """Another description."""
        if row := self._edited(rows, event):
            row.description = event.description

    @handles(courses.CourseIconChanged)
    def icon_changed(self, rows: Rows, event: courses.CourseIconChanged) -> None:
        """Another icon."""
        if row := self._edited(rows, event):
            row.icon = event.icon

    @handles(courses.CourseColorChanged)
    def color_changed(self, rows: Rows, event: courses.CourseColorChanged) -> None:
        """Another colour."""
        if row := self._edited(rows, event):
            row.color_hue = event.color_hue

    @handles(courses.CourseTouched)
    def touched(self, rows: Rows, event: courses.CourseTouched) -> None:
        """Saved as it was."""
        self._edited(rows, event)

    @handles(courses.CourseArranged)
    def arranged(self, rows: Rows, event: courses.CourseArranged) -> None:
        """Another place among the owner's courses; no edit of the course itself."""
        if row := rows.due(COURSES, stream_number(event.originator_id), event):
            row.sort_order = event.sort_order

    @handles(courses.CourseDeleted)
    def deleted(self, rows: Rows, event: courses.CourseDeleted) -> None:
        """In the recycle bin. The row stays, so that nobody gets its slug."""
        if row := rows.due(COURSES, stream_number(event.originator_id), event):
            row.deleted_at = event.timestamp

    @handles(courses.CourseRestored)
    def restored(self, rows: Rows, event: courses.CourseRestored) -> None:
        """Back again."""
        if row := rows.due(COURSES, stream_number(event.originator_id), event):
            row.deleted_at = None
            row.client_course_id = event.client_course_id

    @handles(courses.CourseMediaAdded)
    def media_added(self, rows: Rows, event: courses.CourseMediaAdded) -> None:
        """One more picture."""
        if row := rows.due(COURSES, stream_number(event.originator_id), event):
            row.media = orjson.dumps([*orjson.loads(row.media), event.media]).decode()

    def _edited(self, rows: Rows, event: Event) -> CourseRow | None:
        row = rows.due(COURSES, stream_number(event.originator_id), event)
        if row is not None:
            row.last_edit = event.timestamp
        return row
