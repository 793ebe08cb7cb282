"""Tools about courses."""

from __future__ import annotations

from toolbox.bounding import LARGEST, cursor_of, page_of, paged, shortened
from toolbox.foreign import marked_courses, marked_notes, noticed_course
from toolbox.markdown import NotApplicable
from toolbox.schemas import (
    BOOLEAN,
    COURSE,
    COURSE_EXTRAS,
    COURSE_MEMBERS,
    ID,
    NOTE_SUMMARY,
    NOTICE,
    PAGED,
    TEXT,
    list_of,
    nullable,
    number_of,
    record,
    text,
    whole,
)
from toolbox.tool import DRY_RUN, EXPECTED_VERSION, PLACE, Arguments, Exchange, Request, Rest, Tool, deleted, expected_version, rest

PATH = "courses/{course_id}/"
NOTES = "courses/{course_id}/notes/"
RECENT = 20
MOST_NOTES = 200
COURSE_ID = {"course_id": number_of("course")}
TITLE = text("At most 120 characters.", max_length=120)
DESCRIPTION = text(max_length=10_000)
NOT_DELETABLE = "This course cannot be deleted: it is not there, not yours, or the Inbox."
ICON = nullable(whole("Code point of a Material icon.", minimum=0, maximum=0x10FFFF))


def list_courses(arguments: Arguments) -> Exchange:
    """With whose they are, and their latest notes."""
    courses = yield from rest("GET", "courses/")(arguments)
    return (yield from marked_courses(courses))


def answering_course(exchange: Rest) -> Rest:
    """The same exchange, whose answer is a course, with whose words are in it."""

    def marking(arguments: Arguments) -> Exchange:
        course = yield from exchange(arguments)
        return (yield from noticed_course(course))

    return marking


def read_course(arguments: Arguments) -> Exchange:
    """With as many of its notes as the endpoint shows: the API's own list of them is shorter."""
    start = cursor_of(arguments)
    course = yield from rest("GET", PATH)(arguments)
    page = yield Request("GET", NOTES.format_map(arguments), {"limit": RECENT, "offset": start})
    shown = yield from noticed_course({**course, "recent_notes": page["results"]})
    notes = shown.pop("recent_notes")
    return paged(shortened(shown, LARGEST // 2), "recent_notes", notes, start=start, more=page["has_more"])


def list_notes(arguments: Arguments) -> Exchange:
    """With whose they are: a course may hold notes of several people."""
    start = cursor_of(arguments)
    page = yield Request("GET", NOTES.format_map(arguments), {"limit": MOST_NOTES, "offset": start})
    notes = yield from marked_notes(page["results"])
    return page_of(notes, start, more=page["has_more"])


def deletable(arguments: Arguments) -> Exchange:
    """The course, if the account may delete it. Raises NotApplicable."""
    course = yield from rest("GET", PATH)(arguments)
    if not course["is_owned"] or course["is_default"]:
        raise NotApplicable(NOT_DELETABLE)
    return course


TOOLS = (
    Tool(
        name="list_courses",
        title="List courses",
        description="Your courses with the Inbox first, followed ones, and those with public notes.",
        properties=PLACE,
        answer=record({"courses": list_of(COURSE)}, {**PAGED, **NOTICE, "version": text("Names the order; for reorder_courses.")}),
        rest=list_courses,
        reads=True,
    ),
    Tool(
        name="get_course",
        title="Read a course",
        description="A course and its twenty latest notes that you may read.",
        properties={**COURSE_ID, **PLACE},
        required=("course_id",),
        answer=record({**COURSE_MEMBERS, "notes": list_of(NOTE_SUMMARY)}, {**COURSE_EXTRAS, **PAGED, **NOTICE}),
        rest=read_course,
        reads=True,
        grows="",
    ),
    Tool(
        name="create_course",
        title="Make a course",
        description="Creates a course for grouping notes.",
        properties={"title": TITLE, "description": {**DESCRIPTION, "default": ""}, "icon": ICON},
        required=("title",),
        answer=COURSE,
        rest=rest("POST", "courses/"),
    ),
    Tool(
        name="update_course",
        title="Change a course",
        description="Changes the given fields of one of your courses. The Inbox cannot be changed.",
        properties={**COURSE_ID, "title": TITLE, "description": DESCRIPTION, "icon": ICON, **EXPECTED_VERSION},
        required=("course_id",),
        answer=COURSE,
        rest=answering_course(rest("PATCH", PATH)),
        destroys=True,
        repeatable=True,
    ),
    Tool(
        name="delete_course",
        title="Delete a course",
        description="Deletes one of your courses; its notes move to the Inbox. The Inbox itself cannot be deleted.",
        properties={**COURSE_ID, **EXPECTED_VERSION, **DRY_RUN},
        required=("course_id",),
        answer=record({"deleted": BOOLEAN, "notes_moved_to": ID}, {"course_id": ID, "dry_run": BOOLEAN, "title": TEXT}),
        rest=rest("DELETE", PATH, reply=deleted("course_id")),
        destroys=True,
        subject=deletable,
        confirms="Delete this course? Its notes move to the Inbox.",
    ),
    Tool(
        name="list_course_notes",
        title="List a course's notes",
        description="The notes of a course that you may read, most recently edited first.",
        properties={**COURSE_ID, **PLACE},
        required=("course_id",),
        answer=record({"course_id": ID, "notes": list_of(NOTE_SUMMARY)}, {**PAGED, **NOTICE}),
        rest=list_notes,
        reads=True,
        grows="",
    ),
    Tool(
        name="reorder_courses",
        title="Arrange courses",
        description="Puts your courses into this order. Ids that are not of your courses, and the Inbox, are skipped.",
        properties={
            "course_ids": list_of(whole("Id of one of your courses."), "Ids in the wanted order.", maxItems=1000),
            **expected_version(
                "The `version` of list_courses: the ids of the own courses but the Inbox, in the order that you saw, joined by -"
            ),
        },
        required=("course_ids",),
        answer=record({"reordered": list_of(ID)}),
        rest=rest("POST", "courses/reorder/"),
        destroys=True,
        repeatable=True,
        lenient=("course_ids",),
    ),
    Tool(
        name="subscribe_course",
        title="Follow a course",
        description="Follows a course, so that it is among your courses.",
        properties={**COURSE_ID, **EXPECTED_VERSION},
        required=("course_id",),
        answer=COURSE,
        rest=answering_course(rest("POST", "courses/{course_id}/subscribe/")),
        repeatable=True,
    ),
    Tool(
        name="unsubscribe_course",
        title="Follow a course no longer",
        description="Stops following a course.",
        properties={**COURSE_ID, **EXPECTED_VERSION},
        required=("course_id",),
        answer=record({"unsubscribed": {"const": True}, "course_id": ID}),
        rest=rest("DELETE", "courses/{course_id}/subscribe/", reply=deleted("course_id", "unsubscribed")),
    ),
)
