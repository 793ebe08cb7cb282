"""A planner event, and an account's planner, as their decisions see them."""

from __future__ import annotations

from datetime import datetime

from commands.aggregate import Aggregate, evolves
from commands.planner.window import Window
from eventstore.events import Event, planner


class PlannerEvent(Aggregate):
    """One plan."""

    kind = "planner-event"

    owner_id: int
    title: str
    window: Window
    difficulty_weight: int
    description: str | None
    course_id: int | None
    is_completed: bool
    completed_at: str | None
    deleted_at: datetime | None

    @evolves(planner.PlannerEventCreated)
    def _created(self, event: planner.PlannerEventCreated) -> None:
        self.owner_id = event.owner_id
        self.title = event.title
        self.window = Window(event.starts_at, event.ends_at)
        self.difficulty_weight = event.difficulty_weight
        self.description = event.description
        self.course_id = event.course_id
        self.is_completed = event.is_completed
        self.completed_at = event.completed_at
        self.deleted_at = None

    @evolves(planner.PlannerEventRenamed)
    def _renamed(self, event: planner.PlannerEventRenamed) -> None:
        self.title = event.title

    @evolves(planner.PlannerEventMoved)
    def _moved(self, event: planner.PlannerEventMoved) -> None:
        self.window = Window(event.starts_at, event.ends_at)

    @evolves(planner.PlannerEventWeighed)
    def _weighed(self, event: planner.PlannerEventWeighed) -> None:
        self.difficulty_weight = event.difficulty_weight

    @evolves(planner.PlannerEventDescribed)
    def _described(self, event: planner.PlannerEventDescribed) -> None:
        self.description = event.description

    @evolves(planner.PlannerEventFiled)
    def _filed(self, event: planner.PlannerEventFiled) -> None:
        self.course_id = event.course_id

    @evolves(planner.PlannerEventCompleted)
    def _completed(self, event: planner.PlannerEventCompleted) -> None:
        self.is_completed = True
        self.completed_at = event.completed_at

    @evolves(planner.PlannerEventReopened)
    def _reopened(self, event: Event) -> None:
        self.is_completed = False
        self.completed_at = None

    @evolves(planner.PlannerEventCompletionTimed)
    def _completion_timed(self, event: planner.PlannerEventCompletionTimed) -> None:
        self.completed_at = event.completed_at

    @evolves(planner.PlannerEventDeleted)
    def _deleted(self, event: Event) -> None:
        self.deleted_at = event.timestamp

    @evolves(planner.PlannerEventRestored)
    def _restored(self, event: Event) -> None:
        self.deleted_at = None

    def rename(self, title: str, now: datetime) -> None:
        """Another title."""
        if title != self.title:
            self.trigger(planner.PlannerEventRenamed, now, title=title)

    def move(self, window: Window, now: datetime) -> None:
        """Another window."""
        if window != self.window:
            self.trigger(
                planner.PlannerEventMoved,
                now,
                event_date=window.day.isoformat(),
                starts_at=window.starts_at,
                ends_at=window.ends_at,
            )

    def weigh(self, difficulty_weight: int, now: datetime) -> None:
        """Another importance."""
        if difficulty_weight != self.difficulty_weight:
            self.trigger(planner.PlannerEventWeighed, now, difficulty_weight=difficulty_weight)

    def describe(self, description: str | None, now: datetime) -> None:
        """Another description."""
        if description != self.description:
            self.trigger(planner.PlannerEventDescribed, now, description=description)

    def file(self, course_id: int | None, now: datetime) -> None:
        """Another course, or none."""
        if course_id != self.course_id:
            self.trigger(planner.PlannerEventFiled, now, course_id=course_id)

    def time_completion(self, completed_at: str | None, now: datetime) -> None:
        """The time of completion alone."""
        if completed_at != self.completed_at:
            self.trigger(planner.PlannerEventCompletionTimed, now, completed_at=completed_at)

    def complete(self, completed_at: str, now: datetime) -> None:
        """Done; a time of completion that is known already stays."""
        if not self.is_completed:
            self.trigger(planner.PlannerEventCompleted, now, completed_at=self.completed_at or completed_at)
        elif self.completed_at is None:
            self.time_completion(completed_at, now)

    def reopen(self, now: datetime) -> None:
        """Not done."""
        if self.is_completed or self.completed_at is not None:
            self.trigger(planner.PlannerEventReopened, now)


class Planner(Aggregate):
    """What holds for all plans of an account; the stream has the account's number."""

    kind = "planner"

    zone: str | None = None

    @evolves(planner.TimeZoneChosen)
    def _time_zone_chosen(self, event: planner.TimeZoneChosen) -> None:
        self.zone = event.zone

    def choose_zone(self, zone: str | None, now: datetime) -> None:
        """Another zone for wall-clock times without one."""
        if zone != self.zone:
            self.trigger(planner.TimeZoneChosen, now, zone=zone)
