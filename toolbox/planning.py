"""Tools about plans, note sessions, calendar feeds, and the overviews that are made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from toolbox.bounding import cursor_of, page_of, part_of_week
from toolbox.foreign import marked_week
from toolbox.schemas import (
    BOOLEAN,
    CALENDAR_FEED,
    EVENT,
    HEATMAP,
    ID,
    LARGEST_ID,
    NOTE_SESSION,
    NOTE_SUMMARY,
    NOTICE,
    PAGED,
    TEXT,
    WEEK,
    list_of,
    nullable,
    number_of,
    one_of,
    record,
    text,
    whole,
    yes_or_no,
)
from toolbox.tool import CURSOR, DRY_RUN, EXPECTED_VERSION, PLACE, Arguments, Exchange, Request, Tool, deleted, rest

EVENT_PATH = "planner-events/{event_id}/"
FEED_PATH = "calendar-feeds/{feed_id}/"
SESSION_PATH = "note-sessions/{session_id}/"
EVENT_ID = {"event_id": number_of("event")}
FEED_ID = {"feed_id": number_of("calendar feed")}
SESSION_ID = {"session_id": number_of("note session")}
NOTE_ID = {"note_id": number_of("note")}
DAY = "The day: YYYY-MM-DD."
MOMENT = "ISO 8601 date and time with offset, such as 2031-05-06T14:00:00+02:00. Without an offset it is on the account's clock."
COURSE_OR_NONE = nullable(whole("Id of the course it belongs to; null is none.", minimum=0, maximum=LARGEST_ID))
DELETED = {"dry_run": BOOLEAN, "title": TEXT}
SUMMARY = text("A line about it; cut at 255 characters.")

LONGEST_SUMMARY = 255
USUAL_LIMIT = 50
RECENT = 10
LARGEST_LIMIT = 200
"""The API gives no more at once when it is asked for so many."""
OLDER = f"The API tells of the latest {LARGEST_LIMIT} only. Name a note_id to see others."


def list_events(arguments: Arguments) -> Exchange:
    """One more than is shown tells whether others come; the API gives all when no number is asked for."""
    start, limit = cursor_of(arguments), arguments.get("limit", USUAL_LIMIT)
    most = start + limit + 1
    asked = {**arguments, "limit": most if most <= LARGEST_LIMIT else None}
    found = yield from rest("GET", "planner-events/", query=("include_completed", "limit"))(asked)
    return _page(found, start, limit)


def list_sittings(arguments: Arguments) -> Exchange:
    """One more than is shown tells whether others come, as far as the API tells."""
    start, limit = cursor_of(arguments), arguments.get("limit", USUAL_LIMIT)
    most = min(start + limit + 1, LARGEST_LIMIT)
    found = yield from rest("GET", "note-sessions/", query=("note_id", "limit"))({**arguments, "limit": most})
    page = _page(found, start, limit)
    if len(found) < LARGEST_LIMIT or (isinstance(page, dict) and "next_cursor" in page):
        return page
    return {**(page if isinstance(page, dict) else {"results": page}), "truncated": True, "notice": OLDER}


def _page(found: list[Any], start: int, limit: int) -> Any:
    end = start + limit
    return page_of(found[start:end], start, more=len(found) > end)


def _with_summary_cut(arguments: Arguments) -> dict[str, Any]:
    return {**arguments, **({"summary": arguments["summary"][:LONGEST_SUMMARY]} if "summary" in arguments else {})}


def start_sitting(arguments: Arguments) -> Exchange:
    """From now on, whatever the assistant thinks what time it is."""
    answer = yield from rest("POST", "note-sessions/")({**_with_summary_cut(arguments), "started_at": _now()})
    return answer


def end_sitting(arguments: Arguments) -> Exchange:
    """Now, or when the assistant says."""
    ended_at = arguments.get("ended_at") or _now()
    answer = yield from rest("PATCH", SESSION_PATH)({**_with_summary_cut(arguments), "ended_at": ended_at})
    return answer


def read_week(arguments: Arguments) -> Exchange:
    """In parts when it is too full."""
    week = yield from rest("GET", "activity/week/", query=("start_date", "days"))(arguments)
    return part_of_week(marked_week(week), cursor_of(arguments))


def list_recent(arguments: Arguments) -> Exchange:
    """Out of all notes, since the API's overview holds ten only."""
    start, limit = cursor_of(arguments), arguments.get("limit", RECENT)
    page = yield Request("GET", "notes/", {"limit": limit, "offset": start})
    return page_of(page["results"], start, more=page["has_more"])


OVERVIEWS = (
    Tool(
        name="get_heatmap",
        title="Read the heat map",
        description="How much was written on each day of the last half year, and how much is planned for the next.",
        answer=HEATMAP,
        rest=rest("GET", "heatmap/"),
        reads=True,
    ),
    Tool(
        name="get_recent_activity",
        title="List what was worked on last",
        description="Your ten most recently edited notes.",
        answer=record({"recent_notes": list_of(NOTE_SUMMARY)}, PAGED),
        rest=rest("GET", "activity/"),
        reads=True,
    ),
    Tool(
        name="get_activity",
        title="List recent notes",
        description="Your notes, most recently edited first.",
        properties={"limit": whole("How many.", minimum=1, maximum=50, default=RECENT), **PLACE},
        answer=record({"notes": list_of(NOTE_SUMMARY)}, PAGED),
        rest=list_recent,
        reads=True,
        lenient=("limit",),
        grows="",
    ),
    Tool(
        name="get_activity_week",
        title="Read a week",
        description="Plans, note sessions and calendar entries of seven days, and the open deadlines, the most urgent first.",
        properties={
            "start_date": text("The first day: YYYY-MM-DD; today when it is left out.", pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
            "days": {"type": "integer", "enum": [3, 7, 30], "description": "How many days.", "default": 7},
            **CURSOR,
        },
        answer=WEEK,
        rest=read_week,
        reads=True,
        lenient=("start_date",),
        grows="",
    ),
)

SESSIONS = (
    Tool(
        name="list_note_sessions",
        title="List note sessions",
        description="Note sessions (sittings at notes), latest start first.",
        properties={
            "note_id": nullable(number_of("note")),
            "limit": whole("How many.", minimum=1, maximum=LARGEST_LIMIT, default=USUAL_LIMIT),
            **PLACE,
        },
        answer=record({"sessions": list_of(NOTE_SESSION)}, PAGED),
        rest=list_sittings,
        reads=True,
        lenient=("limit",),
        grows="",
    ),
    Tool(
        name="create_note_session",
        title="Begin a note session",
        description="Starts a note session on one of your notes, now.",
        properties={**NOTE_ID, "title": text("The note's title when left out.", max_length=120), "summary": SUMMARY},
        required=("note_id",),
        answer=NOTE_SESSION,
        rest=start_sitting,
    ),
    Tool(
        name="end_note_session",
        title="End a note session",
        description="Ends a note session, now or at the given time.",
        properties={
            **SESSION_ID,
            "title": text(max_length=120),
            "summary": SUMMARY,
            "ended_at": nullable(text(f"{MOMENT} Now when it is left out.", max_length=64)),
            **EXPECTED_VERSION,
        },
        required=("session_id",),
        answer=NOTE_SESSION,
        rest=end_sitting,
        destroys=True,
    ),
)

EVENTS = (
    Tool(
        name="list_events",
        title="List plans",
        description="Plans by day and title; completed ones only when asked for.",
        properties={
            "include_completed": yes_or_no("With completed ones.", default=False),
            "limit": whole("How many.", minimum=1, maximum=LARGEST_LIMIT, default=USUAL_LIMIT),
            **PLACE,
        },
        answer=record({"events": list_of(EVENT)}, PAGED),
        rest=list_events,
        reads=True,
        lenient=("limit",),
        grows="",
    ),
    Tool(
        name="create_event",
        title="Plan something",
        description="Plans something for a day. Without times it takes the hour after noon on the account's clock.",
        properties={
            "title": text("At most 120 characters.", max_length=120),
            "event_date": text(DAY, max_length=40),
            "starts_at": nullable(text(MOMENT, max_length=64)),
            "ends_at": nullable(text(MOMENT, max_length=64)),
            "difficulty_weight": whole("How much it weighs, 1 (light) to 4.", minimum=1, maximum=4, default=1),
            "description": text(max_length=255, default=""),
            "course_id": COURSE_OR_NONE,
        },
        required=("title", "event_date"),
        answer=EVENT,
        rest=rest("POST", "planner-events/"),
    ),
    Tool(
        name="update_event",
        title="Change a plan",
        description="Changes the given fields of a plan. `is_completed` true completes it; prefer that to deleting.",
        properties={
            **EVENT_ID,
            "title": text("At most 120 characters.", max_length=120),
            "event_date": text(DAY, max_length=40),
            "starts_at": nullable(text(MOMENT, max_length=64)),
            "ends_at": nullable(text(MOMENT, max_length=64)),
            "difficulty_weight": whole("How much it weighs, 1 (light) to 4.", minimum=1, maximum=4),
            "description": text(max_length=255),
            "course_id": COURSE_OR_NONE,
            "is_completed": yes_or_no("Whether it is done."),
            **EXPECTED_VERSION,
        },
        required=("event_id",),
        answer=EVENT,
        rest=rest("PATCH", EVENT_PATH),
        destroys=True,
        repeatable=True,
    ),
    Tool(
        name="delete_event",
        title="Delete a plan",
        description="Deletes a plan. What is done should be completed with update_event instead.",
        properties={**EVENT_ID, **EXPECTED_VERSION, **DRY_RUN},
        required=("event_id",),
        answer=record({"deleted": BOOLEAN, "event_id": ID}, DELETED),
        rest=rest("DELETE", EVENT_PATH, reply=deleted("event_id")),
        destroys=True,
        subject=EVENT_PATH,
        confirms="Delete this plan?",
    ),
)

FEED_FIELDS = {
    "source_kind": one_of("I", "S", description="I: iCal text that you give. S: an address that is read again and again."),
    "source_url": text("An http, https or webcal address.", max_length=2000),
    "raw_ical": text("The iCal text."),
    "is_enabled": yes_or_no("Whether its entries are shown."),
    "course_id": COURSE_OR_NONE,
}

FEEDS = (
    Tool(
        name="list_calendar_feeds",
        title="List calendar feeds",
        description="The calendars shown beside the plans, by title, with the result of reading them.",
        properties=PLACE,
        answer=record({"feeds": list_of(CALENDAR_FEED)}, {**PAGED, **NOTICE}),
        rest=rest("GET", "calendar-feeds/"),
        reads=True,
    ),
    Tool(
        name="create_calendar_feed",
        title="Add a calendar feed",
        description="Adds a calendar, from iCal text or from an address.",
        properties={"title": text("At most 120 characters.", max_length=120), **FEED_FIELDS},
        required=("title",),
        answer=CALENDAR_FEED,
        rest=rest("POST", "calendar-feeds/"),
        open_world=True,
    ),
    Tool(
        name="update_calendar_feed",
        title="Change a calendar feed",
        description="Changes the given fields of a calendar feed.",
        properties={**FEED_ID, "title": text(max_length=120), **FEED_FIELDS, **EXPECTED_VERSION},
        required=("feed_id",),
        answer=CALENDAR_FEED,
        rest=rest("PATCH", FEED_PATH),
        destroys=True,
        repeatable=True,
        open_world=True,
    ),
    Tool(
        name="delete_calendar_feed",
        title="Delete a calendar feed",
        description="Deletes a calendar feed.",
        properties={**FEED_ID, **EXPECTED_VERSION, **DRY_RUN},
        required=("feed_id",),
        answer=record({"deleted": BOOLEAN, "feed_id": ID}, DELETED),
        rest=rest("DELETE", FEED_PATH, reply=deleted("feed_id")),
        destroys=True,
        subject=FEED_PATH,
    ),
)

TOOLS = (*OVERVIEWS, *SESSIONS, *EVENTS, *FEEDS)


def _now() -> str:
    return datetime.now(UTC).isoformat()
