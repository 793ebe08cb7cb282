"""Courses."""

from __future__ import annotations

from typing import Any

from commands.courses.bin import delete_course as decide_deletion
from commands.courses.commands import ChangeCourse, CreateCourse, arrange_courses
from commands.courses.commands import change_course as decide_change
from commands.courses.commands import create_course as decide_creation
from commands.courses.inbox import inbox_of
from commands.errors import NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.subscriptions import subscribe, unsubscribe
from mcp_server.call import Result, ToolCall, serves
from mcp_server.refusals import ToolRefusal
from mcp_server.results import course, sliced, summary
from projections.courses import queries
from toolbox.bounding import cursor_of, paged
from toolbox.courses import MOST_NOTES, NOT_DELETABLE, RECENT


@serves("list_courses")
async def list_courses(call: ToolCall) -> Result:
    """Bounded like every list."""
    courses = await call.read(queries.list_courses())
    return sliced(call, {"version": order_of(courses)}, "courses", courses, course)


@serves("get_course")
async def get_course(call: ToolCall) -> Result:
    """The course, and its notes by pages of twenty."""
    start = cursor_of(call.arguments)
    found = await call.read(queries.get_course(call["course_id"]), 2)
    if found is None:
        raise NotFound("Course")
    _, notes, total = await call.ask(queries.list_course_notes(call["course_id"], RECENT, start))
    shown = [summary(call, note) for note in call.parsed(notes)]
    return paged(course(call, found), "notes", shown, start=start, more=start + len(shown) < total)


@serves("create_course")
async def create_course(call: ToolCall) -> Result:
    """An own course."""
    command = CreateCourse(**{**call.given("description", "icon"), "title": call.title})
    _, row = await call.run(
        lambda work: decide_creation(work, call.account_id, command), answer=lambda saved: queries.get_course(saved.course_id)
    )
    return course(call, call.parsed(row[2]))


@serves("update_course")
async def update_course(call: ToolCall) -> Result:
    """The named fields."""
    changes: dict[str, Any] = call.given("description", "icon")
    if "title" in call.arguments:
        changes["title"] = call.title
    command = ChangeCourse(**changes)

    _, row = await call.run(
        lambda work: decide_change(work, call.account_id, call["course_id"], command).course_id, answer=queries.get_course
    )
    return course(call, call.parsed(row[2]))


@serves("delete_course")
async def delete_course(call: ToolCall) -> Result:
    """Into the bin; its notes go to the Inbox."""

    def decide(work: Work[Lookups]) -> int:
        decide_deletion(work, call.account_id, call["course_id"])
        return inbox_of(work, call.account_id)

    if call.dry_run:
        found = await call.read(queries.get_course(call["course_id"]), 2)
        if found is None or not found["is_owned"] or found["is_default"]:
            raise ToolRefusal(NOT_DELETABLE)
        await call.preview(decide)
        courses = await call.read(queries.list_own_courses())
        inbox = next(own["id"] for own in courses if own["is_default"])
        return {"deleted": False, "dry_run": True, "notes_moved_to": inbox, "course_id": found["id"], "title": found["title"]}
    inbox, _ = await call.run(decide)
    return {"deleted": True, "notes_moved_to": inbox, "course_id": call["course_id"]}


@serves("list_course_notes")
async def list_course_notes(call: ToolCall) -> Result:
    """Up to two hundred at a time."""
    start = cursor_of(call.arguments)
    exists, notes, total = await call.ask(queries.list_course_notes(call["course_id"], MOST_NOTES, start))
    if not exists:
        raise NotFound("Course")
    shown = [summary(call, note) for note in call.parsed(notes)]
    return paged({"course_id": call["course_id"]}, "notes", shown, start=start, more=start + len(shown) < total)


@serves("reorder_courses")
async def reorder_courses(call: ToolCall) -> Result:
    """Ids that cannot be arranged are left out."""
    wanted = call["course_ids"]
    _, row = await call.run(lambda work: arrange_courses(work, call.account_id, wanted), answer=lambda _: queries.list_own_courses())
    own = {item["id"] for item in call.parsed(row[0]) if not item["is_default"]}
    return {"reordered": [number for number in dict.fromkeys(wanted) if number in own]}


def order_of(courses: list[dict[str, Any]]) -> str:
    """The order of the own courses but the Inbox, as arranging expects it."""
    return "-".join(str(item["id"]) for item in courses if item["is_owned"] and not item["is_default"])


@serves("subscribe_course")
async def subscribe_course(call: ToolCall) -> Result:
    """From now on."""
    _, row = await call.run(lambda work: subscribe(work, call.account_id, call["course_id"]), answer=queries.get_course)
    return course(call, call.parsed(row[2]))


@serves("unsubscribe_course")
async def unsubscribe_course(call: ToolCall) -> Result:
    """No longer."""
    await call.run(lambda work: unsubscribe(work, call.account_id, call["course_id"]))
    return {"unsubscribed": True, "course_id": call["course_id"]}
