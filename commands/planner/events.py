"""Creating, changing, deleting and restoring planner events (contract: planner_platform 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from commands.errors import Invalid, NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.planner.aggregate import PlannerEvent
from commands.planner.window import Window, plan, replan
from commands.preconditions import require_version
from commands.unset import UNSET, Unset
from eventstore import moments
from eventstore.events import planner

OUT_OF_RANGE = "Date is out of range."


@dataclass(frozen=True, kw_only=True, slots=True)
class CreatePlannerEvent:
    """A new plan. Times are as given: with UTC offset, or naive wall-clock times."""

    title: str
    event_date: date
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    difficulty_weight: int = 1
    description: str | None = None
    course_id: int | None = None
    is_completed: bool = False
    completed_at: datetime | None = None
    client_event_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePlannerEvent:
    """The fields that are named change, the others stay."""

    event_id: int
    title: str | Unset = UNSET
    event_date: date | Unset = UNSET
    starts_at: datetime | Unset | None = UNSET
    ends_at: datetime | Unset | None = UNSET
    difficulty_weight: int | Unset = UNSET
    description: str | Unset | None = UNSET
    course_id: int | Unset | None = UNSET
    is_completed: bool | Unset = UNSET
    completed_at: datetime | Unset | None = UNSET


class Planned(NamedTuple):
    """The id of the event, and whether it is a new one."""

    event_id: int
    created: bool


def create_planner_event(work: Work[Lookups], command: CreatePlannerEvent) -> Planned:
    """Makes a plan; one that came before under the same client id is found again, out of the bin if it lay there."""
    account_id, now = acting_account(work), work.context.now
    client_event_id = command.client_event_id or None
    zone, course_exists, same = work.lookups.planning_ground(account_id, command.course_id, client_event_id)
    if same is not None:
        known = own_planner_event(work, same, in_bin=None)
        if known.deleted_at is not None:
            known.trigger(planner.PlannerEventRestored, now)
        return Planned(known.number, created=False)
    if not course_exists:
        raise NotFound("Course")
    window = _checked(
        command, zone, lambda: plan(command.event_date, _moment(command.starts_at, zone), _moment(command.ends_at, zone), zone)
    )
    completed_at = command.completed_at
    if command.is_completed and completed_at is None:
        completed_at = now
    event = work.new(PlannerEvent, work.lookups.next_id("planner_event"))
    event.trigger(
        planner.PlannerEventCreated,
        now,
        owner_id=account_id,
        title=command.title,
        event_date=window.day.isoformat(),
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        difficulty_weight=command.difficulty_weight,
        description=command.description,
        course_id=command.course_id,
        is_completed=command.is_completed,
        completed_at=_instant(completed_at, zone),
        client_event_id=client_event_id,
    )
    return Planned(event.number, created=True)


def change_planner_event(work: Work[Lookups], command: ChangePlannerEvent) -> int:
    """Changes what is named, one event per aspect."""
    now = work.context.now
    event = own_planner_event(work, command.event_id)
    require_version(work, event.modified_on)
    zone: str | None = None
    course_id = command.course_id
    asks_course = not isinstance(course_id, Unset) and course_id is not None and course_id != event.course_id
    times = (command.event_date, command.starts_at, command.ends_at)
    if asks_course or not all(isinstance(given, Unset) for given in (*times, command.completed_at)):
        asked = course_id if asks_course and not isinstance(course_id, Unset) else None
        zone, course_exists, _ = work.lookups.planning_ground(acting_account(work), asked, None)
        if not course_exists:
            raise NotFound("Course")
    if not isinstance(command.title, Unset):
        event.rename(command.title, now)
    if not all(isinstance(given, Unset) for given in times):
        event.move(_checked(command, zone, lambda: _replanned(event.window, command, zone)), now)
    if not isinstance(command.difficulty_weight, Unset):
        event.weigh(command.difficulty_weight, now)
    if not isinstance(command.description, Unset):
        event.describe(command.description, now)
    if not isinstance(course_id, Unset):
        event.file(course_id, now)
    _settle_completion(event, command, zone, now)
    return event.number


def delete_planner_event(work: Work[Lookups], event_id: int) -> int:
    """Puts a plan into the recycle bin."""
    event = own_planner_event(work, event_id)
    require_version(work, event.modified_on)
    event.trigger(planner.PlannerEventDeleted, work.context.now)
    return event.number


def restore_planner_event(work: Work[Lookups], event_id: int) -> int:
    """Takes a plan out of the recycle bin."""
    event = own_planner_event(work, event_id, in_bin=True)
    event.trigger(planner.PlannerEventRestored, work.context.now)
    return event.number


def own_planner_event(work: Work[Lookups], event_id: int, *, in_bin: bool | None = False) -> PlannerEvent:
    """The caller's plan; in the recycle bin, outside it, or (None) wherever it is. Raises NotFound."""
    event = work.find(PlannerEvent, event_id)
    if event is None or event.owner_id != work.context.actor:
        raise NotFound("PlannerEvent")
    if in_bin is not None and in_bin != (event.deleted_at is not None):
        raise NotFound("PlannerEvent")
    return event


def acting_account(work: Work[Lookups]) -> int:
    """The account that acts; routes admit nobody else here."""
    assert work.context.actor is not None
    return work.context.actor


def _settle_completion(event: PlannerEvent, command: ChangePlannerEvent, zone: str | None, now: datetime) -> None:
    if command.is_completed is False:
        event.reopen(now)
        return
    if not isinstance(command.completed_at, Unset):
        event.time_completion(_instant(command.completed_at, zone), now)
    if command.is_completed is True:
        event.complete(now.isoformat(), now)


def _replanned(window: Window, command: ChangePlannerEvent, zone: str | None) -> Window:
    starts_at, ends_at = command.starts_at, command.ends_at
    return replan(
        window,
        zone,
        command.event_date,
        starts_at if isinstance(starts_at, Unset) else _moment(starts_at, zone),
        ends_at if isinstance(ends_at, Unset) else _moment(ends_at, zone),
    )


def _moment(given: datetime | None, zone: str | None) -> str | None:
    return None if given is None else moments.moment(given, zone)


def _instant(given: datetime | None, zone: str | None) -> str | None:
    """A time of completion."""
    if given is None:
        return None
    moment = moments.moment(given, zone)
    if not _in_range(moment):
        raise Invalid({"completed_at": [OUT_OF_RANGE]})
    return moments.instant(moment).isoformat()


def _checked(command: CreatePlannerEvent | ChangePlannerEvent, zone: str | None, make: Callable[[], Window]) -> Window:
    """The window of a plan. Raises Invalid with the field of the command that leads out of range."""
    given = {"starts_at": command.starts_at, "ends_at": command.ends_at}
    for field, time in given.items():
        if isinstance(time, datetime) and not _in_range(moments.moment(time, zone)):
            raise Invalid({field: [OUT_OF_RANGE]})
    try:
        window = make()
        in_range = _in_range(window.starts_at) and _in_range(window.ends_at)
    except (OverflowError, ValueError):
        in_range = False
    if not in_range:
        raise Invalid({_leading(command): [OUT_OF_RANGE]})
    return window


def _leading(command: CreatePlannerEvent | ChangePlannerEvent) -> str:
    """The field that says when a plan begins, of those that were sent."""
    if isinstance(command.starts_at, datetime):
        return "starts_at"
    if not isinstance(command.event_date, Unset):
        return "event_date"
    return "ends_at" if isinstance(command.starts_at, Unset) else "starts_at"


def _in_range(moment: str) -> bool:
    try:
        return moments.EARLIEST <= moments.instant(moment) <= moments.LATEST
    except (OverflowError, ValueError):
        return False
