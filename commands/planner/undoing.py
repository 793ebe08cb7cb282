"""Taking changes of plans back, as long as nothing newer stands in the way."""

from __future__ import annotations

from datetime import datetime

from commands.errors import Conflict
from commands.handling import Work
from commands.lookups import Lookups
from commands.planner.aggregate import Planner, PlannerEvent
from commands.undo import ASK_FIRST, LATER_FIRST, Span
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
        if event.deleted_at is not None:
            return
        if not event.is_as(after):
            raise Conflict(f"{_named(event)} was changed after it had been made. {ASK_FIRST}")
        event.trigger(planner.PlannerEventDeleted, now)
        return
    if (before.deleted_at is None) != (after.deleted_at is None):
        if (event.deleted_at is None) == (after.deleted_at is None):
            event.trigger(planner.PlannerEventRestored if after.deleted_at is not None else planner.PlannerEventDeleted, now)
        return
    if event.deleted_at is not None:
        raise Conflict(f"{_named(event)} lies in the recycle bin. Restore it first.")
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
    if _is_to_go_back(event, before, after, "time", "window"):
        event.move(before.window, now)
    if _is_to_go_back(event, before, after, "importance", "difficulty_weight"):
        event.weigh(before.difficulty_weight, now)
    if _is_to_go_back(event, before, after, "description", "description"):
        event.describe(before.description, now)
    if _is_to_go_back(event, before, after, "course", "course_id"):
        event.file(before.course_id, now)
    if _is_to_go_back(event, before, after, "completion", "is_completed", "completed_at"):
        if not before.is_completed:
            event.reopen(now)
        else:
            event.complete(before.completed_at or now.isoformat(), now)
        event.time_completion(before.completed_at, now)
    # The title comes last, so that a refusal names the present one.
    if _is_to_go_back(event, before, after, "title", "title"):
        event.rename(before.title, now)


def _is_to_go_back(event: PlannerEvent, before: PlannerEvent, after: PlannerEvent, part: str, *names: str) -> bool:
    """Whether the command changed these attributes and the event does not have their former values again. Raises Conflict for others."""
    former, made, present = ([getattr(state, name) for name in names] for state in (before, after, event))
    if former in (made, present):
        return False
    if present != made:
        raise Conflict(f"{_named(event)}: its {part} has been changed since then. {LATER_FIRST}")
    return True


def _named(event: PlannerEvent) -> str:
    return f'The event {event.number} "{event.title}"'
