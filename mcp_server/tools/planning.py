"""Plans and note sessions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from commands.errors import NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.note_sessions.commands import ChangeNoteSession, StartNoteSession, change_note_session, start_note_session
from commands.planner.events import (
    ChangePlannerEvent,
    CreatePlannerEvent,
    change_planner_event,
    create_planner_event,
    delete_planner_event,
)
from eventstore.iso8601 import DATE, read_time
from mcp_server.call import Result, ToolCall, serves
from mcp_server.refusals import ToolRefusal
from mcp_server.results import event, session, sliced
from projections.note_sessions import queries as session_queries
from projections.planner import queries
from toolbox.bounding import cursor_of
from toolbox.planning import LONGEST_SUMMARY, USUAL_LIMIT


@serves("list_events")
async def list_events(call: ToolCall) -> Result:
    """Pages are cut out of all events; `limit` holds for each of them."""
    limit = call.get("limit", USUAL_LIMIT)
    most = cursor_of(call.arguments) + limit + 1
    found = await call.read(queries.list_planner_events(include_completed=call.get("include_completed", False), limit=most))
    return sliced(call, {}, "events", found, event, limit)


@serves("create_event")
async def create_event(call: ToolCall) -> Result:
    """The same command as the apps'."""
    command = CreatePlannerEvent(
        title=call.title,
        event_date=_day(call["event_date"]),
        starts_at=_moment(call, "starts_at"),
        ends_at=_moment(call, "ends_at"),
        difficulty_weight=call.get("difficulty_weight", 1),
        description=call.get("description", ""),
        course_id=call.get("course_id") or None,
    )
    _, row = await call.run(
        lambda work: create_planner_event(work, command), answer=lambda planned: queries.get_planner_event(planned.event_id)
    )
    return event(call, call.found(row, "PlannerEvent"))


@serves("update_event")
async def update_event(call: ToolCall) -> Result:
    """The named fields."""
    changes: dict[str, Any] = call.given("difficulty_weight", "description", "is_completed")
    if "title" in call.arguments:
        changes["title"] = call.title
    if "event_date" in call.arguments:
        changes["event_date"] = _day(call["event_date"])
    changes |= {name: _moment(call, name) for name in ("starts_at", "ends_at") if name in call.arguments}
    if "course_id" in call.arguments:
        changes["course_id"] = call["course_id"] or None
    command = ChangePlannerEvent(event_id=call["event_id"], **changes)

    _, row = await call.run(lambda work: change_planner_event(work, command), answer=queries.get_planner_event)
    return event(call, call.found(row, "PlannerEvent"))


@serves("delete_event")
async def delete_event(call: ToolCall) -> Result:
    """Gone from everywhere but the history."""
    if call.dry_run:
        found = await call.read(queries.get_planner_event(call["event_id"]))
        if found is None:
            raise NotFound("PlannerEvent")
        await call.preview(lambda work: delete_planner_event(work, call["event_id"]))
        return {"deleted": False, "dry_run": True, "event_id": found["id"], "title": found["title"]}
    await call.run(lambda work: delete_planner_event(work, call["event_id"]))
    return {"deleted": True, "event_id": call["event_id"]}


@serves("list_note_sessions")
async def list_note_sessions(call: ToolCall) -> Result:
    """The latest start first."""
    limit = call.get("limit", USUAL_LIMIT)
    most = cursor_of(call.arguments) + limit + 1
    found = await call.read(session_queries.list_note_sessions(most, call.get("note_id")))
    return sliced(call, {}, "sessions", found, session, limit)


@serves("create_note_session")
async def create_note_session(call: ToolCall) -> Result:
    """Begins now, whatever the assistant thinks what time it is."""
    command = StartNoteSession(note_id=call["note_id"], title=call.get("title", "").strip(), summary=_summary(call))
    _, row = await call.run(lambda work: start_note_session(work, command), answer=session_queries.get_note_session)
    return session(call, call.found(row, "NoteSession"))


@serves("end_note_session")
async def end_note_session(call: ToolCall) -> Result:
    """Ends now, also when it had ended before; or at the time that is given."""
    ended_at = _moment(call, "ended_at")
    changes: dict[str, Any] = call.given("title")
    if "summary" in call.arguments:
        changes["summary"] = _summary(call)

    def decide(work: Work[Lookups]) -> int:
        return change_note_session(work, ChangeNoteSession(session_id=call["session_id"], ended_at=ended_at or work.context.now, **changes))

    _, row = await call.run(decide, answer=session_queries.get_note_session)
    return session(call, call.found(row, "NoteSession"))


def _summary(call: ToolCall) -> str:
    text: str = call.get("summary", "")
    return text[:LONGEST_SUMMARY]


def _day(text: str) -> date:
    match = DATE.fullmatch(text.strip())
    try:
        return date(*map(int, match.groups())) if match else _unreadable_day()
    except ValueError:
        return _unreadable_day()


def _unreadable_day() -> date:
    raise ToolRefusal("event_date: this is no day. Write it as YYYY-MM-DD.")


def _moment(call: ToolCall, name: str) -> datetime | None:
    text = call.get(name)
    if text is None or not text.strip():
        return None
    moment = read_time(text.strip())
    if moment is None:
        raise ToolRefusal(f"{name}: this is no time. Write date and time with offset, such as 2031-05-06T14:00:00+02:00.")
    return moment
