"""Planner events, and the account's time zone (contract: planner_platform 2, 16.4)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from api.call import Call
from api.routing import Route
from api.schemas.paging import read_limit
from api.schemas.planner import PlannerEventChange, PlannerEventIn, PlannerEventOut, PlannerEventQuery, TimeZone, TrailStepOut
from api.schemas.preconditions import STALE
from api.writing import carry_out
from commands.errors import NotFound
from commands.planner.events import (
    ChangePlannerEvent,
    CreatePlannerEvent,
    change_planner_event,
    create_planner_event,
    delete_planner_event,
)
from commands.planner.zone import choose_time_zone
from projections.planner import queries

LARGEST_LIMIT = 200


async def list_planner_events(call: Call) -> bytes:
    """Open events by day, title and id."""
    completed = call.query.include_completed.strip().lower() in ("1", "true")
    limit = read_limit(call.query.limit, LARGEST_LIMIT)
    body: bytes = (await call.ask(queries.list_planner_events(include_completed=completed, limit=limit)))[0]
    return body


def create(call: Call) -> Response:
    """A new event; 200 with the known one when its client id came before."""
    command = CreatePlannerEvent(**call.body.sent())
    return carry_out(
        call,
        lambda work: create_planner_event(work, command),
        lambda planned, row: (201 if planned.created else 200, _found(row)),
        answer=lambda planned: queries.get_planner_event(planned.event_id),
    )


async def get_planner_event(call: Call) -> bytes:
    """One event."""
    return _found(await call.ask(queries.get_planner_event(call.path["event_id"])))


def change(call: Call) -> Response:
    """Changes the fields that were sent."""
    command = ChangePlannerEvent(event_id=call.path["event_id"], **call.body.sent())
    return carry_out(
        call,
        lambda work: change_planner_event(work, command),
        lambda _, row: (200, _found(row)),
        answer=queries.get_planner_event,
    )


def delete(call: Call) -> Response:
    """Into the recycle bin."""
    return carry_out(call, lambda work: delete_planner_event(work, call.path["event_id"]), lambda _gone, _row: (204, b""))


async def get_planner_trail(call: Call) -> bytes:
    """When it was made, moved, completed and reopened."""
    known, body = await call.ask(queries.get_planner_trail(call.path["event_id"]))
    if not known:
        raise NotFound("PlannerEvent")
    found: bytes = body
    return found


async def get_time_zone(call: Call) -> bytes:
    """The account's zone."""
    body: bytes = (await call.ask(queries.get_time_zone()))[0]
    return body


def set_time_zone(call: Call) -> Response:
    """Another zone, for the times that come from here on."""
    return carry_out(
        call,
        lambda work: choose_time_zone(work, call.body.time_zone or None),
        lambda _, row: (200, _found(row)),
        answer=lambda _: queries.get_time_zone(),
    )


def _found(row: tuple[Any, ...] | None) -> bytes:
    if row is None or row[0] is None:
        raise NotFound("PlannerEvent")
    body: bytes = row[0]
    return body


EXAMPLE = {"title": "Draft the survey chapter", "event_date": "2031-05-06", "starts_at": "2031-05-06T14:00:00", "difficulty_weight": 2}

ROUTES = [
    Route(
        "GET", "/planner-events/", list_planner_events, "List planner events",
        description="Open ones by day, title and id.",
        query=PlannerEventQuery, answer=list[PlannerEventOut],
    ),
    Route(
        "POST", "/planner-events/", create, "Create a planner event",
        description="A `client_event_id` that was used before answers 200 with its event.",
        body=PlannerEventIn, answer=PlannerEventOut, status=201,
        answers={200: PlannerEventOut}, refusals=[404], examples={"plan": EXAMPLE},
    ),
    Route("GET", "/planner-events/{event_id:int}/", get_planner_event, "Read a planner event", answer=PlannerEventOut),
    Route(
        "PATCH", "/planner-events/{event_id:int}/", change, "Change, complete or reopen a planner event",
        body=PlannerEventChange, answer=PlannerEventOut, examples={"done": {"is_completed": True}},
        answers=STALE,
    ),
    Route(
        "DELETE", "/planner-events/{event_id:int}/", delete, "Delete a planner event",
        description="It goes to the recycle bin.",
        status=204, answers=STALE,
    ),
    Route(
        "GET", "/planner-events/{event_id:int}/trail/", get_planner_trail, "List what happened to a planner event",
        description="When it was created, moved, completed, reopened, deleted or restored.",
        answer=list[TrailStepOut],
    ),
    Route("GET", "/planner-settings/", get_time_zone, "Read the time zone", answer=TimeZone),
    Route(
        "PATCH", "/planner-settings/", set_time_zone, "Change the time zone", body=TimeZone, answer=TimeZone,
        examples={"zone": {"time_zone": "Europe/Berlin"}},
    ),
]  # fmt: skip
