"""Events of courses (the clients' categories): stream course-<id>."""

from __future__ import annotations

from typing import Any

from eventstore.events.base import Event


class CourseCreated(Event):
    """A course was created. The default course of an account is its Inbox."""

    owner_id: int | None
    title: str
    description: str
    slug: str
    icon: int | None
    is_default: bool
    client_course_id: str | None
    cover_path: str = ""


class CourseRenamed(Event):
    """The title changed; the slug stays."""

    title: str


class CourseDescribed(Event):
    """The description changed."""

    description: str


class CourseIconChanged(Event):
    """The icon changed, or was removed."""

    icon: int | None
    """Code point of a Material icon."""


class CourseColorChanged(Event):
    """The colour changed, or was removed."""

    color_hue: int | None
    """Degrees on the colour wheel, 0 to 359."""


class CourseTouched(Event):
    """The course was saved without a change."""


class CourseArranged(Event):
    """The owner moved the course to another place among their own."""

    sort_order: int
    """From 1; 0 means never arranged."""


class CourseDeleted(Event):
    """The course went to the recycle bin, and its notes to the default courses of their authors."""

    note_ids: list[int]


class CourseRestored(Event):
    """The course is back from the recycle bin, and with it the notes that had not been moved elsewhere since."""

    client_course_id: str | None
    """The client's id for it from now on; null if another course has taken it meanwhile."""


class CourseMediaAdded(Event):
    """A picture was added. Only sample courses have pictures."""

    media: dict[str, Any]
    """id, title, description, source, path."""
