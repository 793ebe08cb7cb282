"""Events of the planner: stream planner-event-<id>, and planner-<account id> for what holds for all of an account's plans.

Times are in the notation of eventstore.moments: as they were given, with the zone that was known then.
"""

from __future__ import annotations

from typing import Any

from eventstore.events.base import Event, with_whole_number


class PlannerEventCreated(Event):
    """Something was planned."""

    class_version = 2

    owner_id: int
    title: str
    event_date: str
    """The day it is planned for: that of its start."""
    starts_at: str
    ends_at: str
    difficulty_weight: int
    description: str | None
    course_id: int | None
    is_completed: bool
    completed_at: str | None
    """An instant, ISO 8601 in UTC."""
    client_event_id: str | None = None
    """The id that the client chose; a repeated upload finds its event by it."""

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        """The course came as 7.0 at times."""
        with_whole_number(state, "course_id")


class PlannerEventRenamed(Event):
    """The title changed."""

    title: str


class PlannerEventMoved(Event):
    """The start, the end or both changed."""

    event_date: str
    starts_at: str
    ends_at: str


class PlannerEventWeighed(Event):
    """The importance changed."""

    difficulty_weight: int


class PlannerEventDescribed(Event):
    """The description changed."""

    description: str | None


class PlannerEventFiled(Event):
    """The course changed; None takes it out of its course."""

    class_version = 2

    course_id: int | None

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        """The course came as 7.0 at times."""
        with_whole_number(state, "course_id")


class PlannerEventCompleted(Event):
    """It is done."""

    completed_at: str


class PlannerEventReopened(Event):
    """It was reopened: it is not done any more."""


class PlannerEventCompletionTimed(Event):
    """The time of completion was set separately, whether or not the event counts as done."""

    completed_at: str | None


class PlannerEventDeleted(Event):
    """It went to the recycle bin."""


class PlannerEventRestored(Event):
    """It is back from the recycle bin."""


class TimeZoneChosen(Event):
    """The account's time zone changed: times without an offset are in it from here on. None means UTC."""

    zone: str | None
