"""A course as its decisions see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from commands.aggregate import Aggregate, evolves
from eventstore.events import courses


class Course(Aggregate):
    """One course: whose it is, what it is called, whether it is there."""

    kind = "course"

    owner_id: int | None
    title: str
    description: str
    slug: str
    icon: int | None
    color_hue: int | None = None
    is_default: bool
    client_course_id: str | None
    sort_order: int = 0
    is_deleted: bool = False
    moved_notes: tuple[int, ...] = ()
    """Notes that left the course when it was deleted."""
    media: tuple[dict[str, Any], ...] = ()
    edited_on: datetime
    """The last edit that clients see; being arranged is none."""

    @property
    def shown_as(self) -> tuple[str, ...]:
        """As answers about it and about what lies in it tell it."""
        return (f'"id":{self.number},"client_course_id"', f'"course_id":{self.number}')

    @evolves(courses.CourseTouched)
    def _touched(self, event: courses.CourseTouched) -> None:
        self.edited_on = event.timestamp

    @evolves(courses.CourseCreated)
    def _created(self, event: courses.CourseCreated) -> None:
        self.owner_id = event.owner_id
        self.title = event.title
        self.description = event.description
        self.slug = event.slug
        self.icon = event.icon
        self.is_default = event.is_default
        self.client_course_id = event.client_course_id
        self.edited_on = event.timestamp

    @evolves(courses.CourseRenamed)
    def _renamed(self, event: courses.CourseRenamed) -> None:
        self.title = event.title
        self.edited_on = event.timestamp

    @evolves(courses.CourseDescribed)
    def _described(self, event: courses.CourseDescribed) -> None:
        self.description = event.description
        self.edited_on = event.timestamp

    @evolves(courses.CourseIconChanged)
    def _icon_changed(self, event: courses.CourseIconChanged) -> None:
        self.icon = event.icon
        self.edited_on = event.timestamp

    @evolves(courses.CourseColorChanged)
    def _color_changed(self, event: courses.CourseColorChanged) -> None:
        self.color_hue = event.color_hue
        self.edited_on = event.timestamp

    @evolves(courses.CourseArranged)
    def _arranged(self, event: courses.CourseArranged) -> None:
        self.sort_order = event.sort_order

    @evolves(courses.CourseDeleted)
    def _deleted(self, event: courses.CourseDeleted) -> None:
        self.is_deleted = True
        self.moved_notes = tuple(event.note_ids)

    @evolves(courses.CourseRestored)
    def _restored(self, event: courses.CourseRestored) -> None:
        self.is_deleted = False
        self.moved_notes = ()
        self.client_course_id = event.client_course_id

    @evolves(courses.CourseMediaAdded)
    def _media_added(self, event: courses.CourseMediaAdded) -> None:
        self.media += (event.media,)
