"""Events of subscriptions: one stream subscription-<account>-<course> for each account and course."""

from __future__ import annotations

from eventstore.events.base import Event


class CourseSubscribed(Event):
    """The account follows the course from now on."""

    account_id: int
    course_id: int
    is_private: bool
    """Not shown to the course's owner by name."""


class CourseUnsubscribed(Event):
    """The account follows the course no longer."""


class CourseOpened(Event):
    """The account looked into the course."""
