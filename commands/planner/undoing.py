"""Taking changes of plans back, as long as nothing newer stands in the way."""

from __future__ import annotations

from datetime import datetime

from commands.errors import Conflict
from commands.handling import Work
from commands.lookups import Lookups
from commands.planner.aggregate import Planner, PlannerEvent
from commands.undo import Span
from eventstore.events import planner


def take_back_planner_event(work: Work[Lookups], span: Span) -> None:
    """Leads a plan back to what it was; one that was made goes to the recycle bin."""
    event = work.find(PlannerEvent, span.number)
    after = work.at(PlannerEvent, span.number, span.last)
    if event is None or after is None or event.is_forgotten:
        raise Conflict("The event is gone for good.")
    before = work.at(PlannerEvent, span.number, span.first - 1)
    now = work.context.now
    if before is None:
        if not event.is_as(after):
            raise Conflict("The event was changed after it had been made. Delete it instead.")
        event.trigger(planner.PlannerEventDeleted, now)
        return
    if (before.deleted_at is None) != (after.deleted_at is None):
        _require((event.deleted_at is None) == (after.deleted_at is None), "place in the recycle bin")
        event.trigger(planner.PlannerEventRestored if after.deleted_at is not None else planner.PlannerEventDeleted, now)
        return
    if event.deleted_at is not None:
        raise Conflict("The event lies in the recycle bin. Restore it first.")
    _lead_back(event, before, after, now)


def take_back_planner(work: Work[Lookups], span: Span) -> None:
    """Gives the account its former time zone."""
    present = work.find(Planner, span.number)
    before = work.at(Planner, span.number, span.first - 1)
    after = work.at(Planner, span.number, span.last)
    if present is None or after is None or present.zone != after.zone:
        raise Conflict("The time zone has been changed since then.")
    present.choose_zone(before.zone if before is not None else None, work.context.now)


def _lead_back(event: PlannerEvent, before: PlannerEvent, after: PlannerEvent, now: datetime) -> None:
    if before.title != after.title:
        _require(event.title == after.title, "title")
        event.rename(before.title, now)
    if before.window != after.window:
        _require(event.window == after.window, "time")
        event.move(before.window, now)
    if before.difficulty_weight != after.difficulty_weight:
        _require(event.difficulty_weight == after.difficulty_weight, "importance")
        event.weigh(before.difficulty_weight, now)
    if before.description != after.description:
        _require(event.description == after.description, "description")
        event.describe(before.description, now)
    if before.course_id != after.course_id:
        _require(event.course_id == after.course_id, "course")
        event.file(before.course_id, now)
    if (before.is_completed, before.completed_at) != (after.is_completed, after.completed_at):
        _require((event.is_completed, event.completed_at) == (after.is_completed, after.completed_at), "completion")
        if not before.is_completed:
            event.reopen(now)
        else:
            event.complete(before.completed_at or now.isoformat(), now)
        event.time_completion(before.completed_at, now)


def _require(same: bool, part: str) -> None:
    if not same:
        raise Conflict(f"The {part} of the event has been changed since then.")
