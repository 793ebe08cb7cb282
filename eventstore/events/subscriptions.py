"""Events of subscriptions: one stream subscription-<account>-<course> for each account and course."""

from __future__ import annotations

from eventstore.events.base import Event


class CourseSubscribed(Event):
    """The account followed the course."""

    account_id: int
    course_id: int
    is_private: bool
    """Not shown to the course's owner by name."""


class CourseUnsubscribed(Event):
    """The account stopped following the course."""


class CourseOpened(Event):
    """The account opened the course."""
