"""Refusals as sentences that tell an assistant what to do next; never an exception's own text (contract: mcp 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from commands.errors import Forbidden, Invalid, NotFound, Refused, Unreadable

NEXT_STEPS = {
    "Note": (
        "list_notes and search_notes find ids of your notes, list_deleted_notes those in the recycle bin; "
        "get_note_by_uuid reads a public one of somebody else."
    ),
    "Course": "list_courses lists the courses with their ids; list_recycle_bin deleted ones.",
    "PlannerEvent": "list_events lists the events with their ids; list_recycle_bin deleted ones.",
    "NoteSession": "list_note_sessions lists the sessions with their ids.",
    "NoteVersion": "list_note_versions lists the versions of a note with their ids.",
    "NoteAttachment": "list_attachments lists the files of a note with their ids.",
    "CalendarFeed": "list_calendar_feeds lists the feeds with their ids; list_recycle_bin deleted ones.",
    "Change": "list_changes lists the changes with their ids.",
    "CourseSubscription": "This course is not followed; subscribe_course follows it.",
}
SPOKEN = {
    "PlannerEvent": "event",
    "NoteSession": "note session",
    "NoteVersion": "version of this note",
    "NoteAttachment": "file at this note",
    "CalendarFeed": "calendar feed",
    "CourseSubscription": "subscription",
}
IN_TOOLS_WORDS = {
    "You can only edit your own categories.": "Only its owner can change this course. list_courses tells which ones are yours.",
    "You can only delete your own categories.": "Only its owner can delete this course. list_courses tells which ones are yours.",
    "The default category cannot be edited.": "The Inbox cannot be changed.",
    "The default category cannot be deleted.": "The Inbox cannot be deleted.",
}
"""What the apps know under other names than the tools."""
_THING = re.compile(r"No (\w+) matches the given query\.")
LATER = "The server cannot do this at the moment. Wait some seconds, then try again."
BROKEN = "Something went wrong on the server, and nothing was changed. Trying the same again will not help; the request id is {request_id}."
SLOW = "This took too long and was given up. Ask for less at once, and look whether a change was made before repeating it."


class ToolRefusal(Exception):
    """A call that is not carried out, for a reason that this sentence tells."""


def sentence(refused: Refused) -> str:
    """What the assistant is told about a refused command."""
    match refused:
        case NotFound():
            return not_found(str(refused.body["detail"]))
        case Unreadable():
            return not_found("No Note matches the given query.")
        case Invalid():
            return _fields(refused.body)
    told = _detail(refused.body)
    if isinstance(refused, Forbidden) and told.startswith("Only the owner can"):
        return f"{told} {NEXT_STEPS['Note']}"
    return IN_TOOLS_WORDS.get(told, told)


def not_found(detail: str) -> str:
    """A thing that is not there, or not this account's, and where such things are found."""
    found = _THING.match(detail)
    thing = found[1] if found else ""
    return f"There is no such {SPOKEN.get(thing, thing.lower() or 'thing')}, or it is not yours. {NEXT_STEPS.get(thing, '')}".strip()


def _detail(body: Any) -> str:
    if isinstance(body, bytes):
        body = orjson.loads(body)
    if isinstance(body, Mapping):
        return str(body["detail"]) if "detail" in body else _fields(body)
    if isinstance(body, Sequence) and not isinstance(body, str):
        return " ".join(map(str, body))
    return str(body)


def _fields(body: Mapping[str, Any]) -> str:
    told = []
    for name, problems in body.items():
        texts = problems if isinstance(problems, list) else [problems]
        told += [f"{name}: {text}" if name != "non_field_errors" else str(text) for text in texts]
    return " ".join(told)
