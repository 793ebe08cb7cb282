"""Courses: lists, details, changes, subscriptions (contract: notes 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from api.answers import column
from api.call import Call
from api.routing import Route
from api.schemas.courses import COURSE_EXAMPLE, CourseIn, CourseOut, CoursePatch, OrderIn, PageQuery
from api.schemas.notes import NoteItemOut, NotePageOut
from api.schemas.preconditions import STALE
from api.writing import carry_out
from commands.courses.bin import delete_course as decide_deletion
from commands.courses.commands import ChangeCourse, CreateCourse, arrange_courses
from commands.courses.commands import change_course as decide_change
from commands.courses.commands import create_course as decide_creation
from commands.errors import Declined, Forbidden, NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.subscriptions import open_course as decide_opening
from commands.subscriptions import subscribe as decide_subscription
from commands.subscriptions import unsubscribe as decide_end_of_subscription
from projections.courses import queries

LONGEST_PAGE = 100
MOST_ORDERED = 10_000


async def list_courses(call: Call) -> bytes:
    """The courses that the caller is shown, in the caller's order."""
    (courses,) = await call.ask(queries.list_courses())
    return bytes(courses)


async def get_course(call: Call) -> bytes:
    """One course, whoever owns it."""
    _, _, course = await call.ask(queries.get_course(call.path["course_id"]))
    if course is None:
        raise NotFound("Course")
    return bytes(course)


async def list_course_notes(call: Call) -> bytes:
    """The notes of a course that the caller may see, newest edit first."""
    limit = None if call.query.limit is None else min(max(call.query.limit, 1), LONGEST_PAGE)
    offset = max(call.query.offset, 0) if limit is not None else 0
    exists, notes, total = await call.ask(queries.list_course_notes(call.path["course_id"], limit, offset))
    if not exists:
        raise NotFound("Course")
    if limit is None:
        return bytes(notes)
    has_more = b"true" if offset + limit < total else b"false"
    return b'{"results":%b,"total":%d,"offset":%d,"limit":%d,"has_more":%b}' % (notes, total, offset, limit, has_more)


def create_course(call: Call) -> Response:
    """Makes a course of the caller."""
    command = CreateCourse(**call.body.sent())
    return carry_out(
        call,
        lambda work: decide_creation(work, call.account_id, command),
        lambda saved, row: (201 if saved.created else 200, _course(row)),
        answer=lambda saved: queries.get_course(saved.course_id),
    )


def change_course(call: Call) -> Response:
    """Changes the fields that were sent."""
    sent = call.body.sent()
    sent.pop("client_course_id", None)
    command, course_id = ChangeCourse(**sent), call.path["course_id"]
    return _answering_course(call, lambda work: decide_change(work, call.account_id, course_id, command).course_id)


async def check_change(call: Call) -> None:
    """What refuses a change of this course whatever is sent (notes 3.5)."""
    owner, is_default, course = await call.ask(queries.get_course(call.path["course_id"]))
    if course is None:
        raise NotFound("Course")
    if owner is None or call.caller is None or owner != call.caller.account_id:
        raise Forbidden("You can only edit your own categories.")
    if is_default:
        raise Declined("The default category cannot be edited.")


def delete_course(call: Call) -> Response:
    """Puts the course into the recycle bin; its notes go to their authors' Inboxes."""
    return carry_out(
        call,
        lambda work: decide_deletion(work, call.account_id, call.path["course_id"]),
        lambda _, __: (204, b""),
    )


def reorder_courses(call: Call) -> Response:
    """Numbers the caller's courses in the wanted order and answers with all of them."""
    wanted = call.body.course_ids
    if not isinstance(wanted, list):
        raise Declined("`course_ids` must be a list of integers.")
    if len(wanted) > MOST_ORDERED:
        raise Declined(f"`course_ids` must have at most {MOST_ORDERED} entries.")
    ids = [number for entry in wanted if (number := _integer_like(entry)) is not None]
    return carry_out(
        call,
        lambda work: arrange_courses(work, call.account_id, ids),
        lambda _, row: (200, column(row, 0)),
        answer=lambda _: queries.list_own_courses(),
    )


def subscribe(call: Call) -> Response:
    """Follows the course from now on."""
    return _answering_course(call, lambda work: decide_subscription(work, call.account_id, call.path["course_id"]))


def subscribe_private(call: Call) -> Response:
    """Follows the course without showing it."""
    return _answering_course(call, lambda work: decide_subscription(work, call.account_id, call.path["course_id"], is_private=True))


def unsubscribe(call: Call) -> Response:
    """Follows the course no longer."""
    return _answering_course(call, lambda work: decide_end_of_subscription(work, call.account_id, call.path["course_id"]))


def open_course(call: Call) -> Response:
    """Notes that the caller looked into a course that is followed."""
    return _answering_course(call, lambda work: decide_opening(work, call.account_id, call.path["course_id"]))


def _answering_course(call: Call, decide: Callable[[Work[Lookups]], int]) -> Response:
    return carry_out(call, decide, lambda _, row: (200, _course(row)), answer=queries.get_course)


def _course(row: tuple[Any, ...] | None) -> bytes:
    return column(row, 2)


def _integer_like(entry: Any) -> int | None:
    if isinstance(entry, str):
        text = entry.strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    if isinstance(entry, float):
        return int(entry) if entry.is_integer() else None
    return entry if isinstance(entry, int) and not isinstance(entry, bool) else None


COURSE = "/courses/{course_id:int}/"

ROUTES = [
    Route(
        "GET",
        "/courses/",
        list_courses,
        "List courses",
        description="The caller's own courses, followed ones, those without an owner, and those with a public note; the Inbox first.",
        caller="open",
        answer=list[CourseOut],
    ),
    Route(
        "POST",
        "/courses/",
        create_course,
        "Create a course",
        body=CourseIn,
        answer=CourseOut,
        status=201,
        answers={200: CourseOut},
        description="If the caller has used the `client_course_id` before, that course is changed and the answer is 200.",
        examples={"course": {"title": "Biology", "description": "Spring term", "icon": 58332}},
    ),
    Route(
        "POST",
        "/courses/reorder/",
        reorder_courses,
        "Reorder the caller's courses",
        description=f"Named courses, at most {MOST_ORDERED}, are numbered from 1; the others follow.",
        body=OrderIn,
        answer=list[CourseOut],
        answers=STALE,
        examples={"order": {"course_ids": [12, 7, 9]}},
    ),
    Route("GET", COURSE, get_course, "Read a course", caller="open", answer=CourseOut, answer_example=COURSE_EXAMPLE),
    Route(
        "PATCH",
        COURSE,
        change_course,
        "Change a course",
        body=CoursePatch,
        answer=CourseOut,
        answers=STALE,
        guard=check_change,
        examples={"rename": {"title": "Biology II", "icon": None}},
    ),
    Route(
        "DELETE",
        COURSE,
        delete_course,
        "Delete a course",
        description="It goes to the recycle bin, its notes to their authors' Inboxes.",
        status=204,
        answers=STALE,
        refusals=[403],
    ),
    Route(
        "GET",
        COURSE + "notes/",
        list_course_notes,
        "List a course's notes",
        description="Those that the caller may read: all of them, or a page with `limit` and `offset`.",
        caller="open",
        query=PageQuery,
        answer=NotePageOut | list[NoteItemOut],
    ),
    Route("POST", COURSE + "subscribe/", subscribe, "Follow a course", answer=CourseOut, answers=STALE),
    Route("DELETE", COURSE + "subscribe/", unsubscribe, "Stop following a course", answer=CourseOut, answers=STALE),
    Route(
        "POST",
        COURSE + "subscribe-private/",
        subscribe_private,
        "Follow a course privately",
        description="Follows it with `is_private_subscription` set.",
        answer=CourseOut,
        answers=STALE,
    ),
    Route(
        "POST",
        COURSE + "open/",
        open_course,
        "Mark a followed course as opened",
        description="It moves to the front of the followed courses.",
        answer=CourseOut,
    ),
]
