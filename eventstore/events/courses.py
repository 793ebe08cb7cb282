"""Events of courses (the clients' categories): stream course-<id>."""

from __future__ import annotations

from eventstore.events.base import Event


class CourseCreated(Event):
    """A course was made. The default course of an account is its Inbox."""

    owner_id: int | None
    title: str
    description: str
    slug: str
    icon: int | None
    is_default: bool
    client_course_id: str | None
