"""Calendar feeds: import, subscription, what they came to (contract: planner_platform 4, 16.6)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.responses import Response

from api.call import Call
from api.routing import Route
from api.schemas.calendars import CalendarFeedChange, CalendarFeedIn, CalendarFeedMade, CalendarFeedOut
from api.schemas.preconditions import STALE
from api.writing import carry_out
from commands.calendars.feeds import (
    AddCalendarFeed,
    CalendarText,
    ChangeCalendarFeed,
    add_calendar_feed,
    change_calendar_feed,
    remove_calendar_feed,
    require_addable,
)
from commands.calendars.source_urls import calendar_address
from commands.errors import Invalid, NotFound, Refused
from commands.handling import Work
from commands.lookups import Lookups
from eventstore.events.calendars import hides_credentials
from projections.calendars import queries
from reactors.feeds.schedule import outbound_policy
from reactors.feeds.sources import refresh_source
from reactors.feeds.store import Summary, summary_of, text_id
from reactors.feeds.texts import LARGEST_TEXT, NOT_A_CALENDAR, looks_like_calendar, read_text
from reactors.outbound import Policy

BODY_LIMIT = 32 * 2**20
"""Bytes. A text of 10 MB grows in JSON, where line breaks take two characters."""
SAMPLES = 5
NOTHING = Summary(0, 0, None, [])
LATER = "This one will be read in a moment."
FIRST_FETCH_SECONDS = 10.0
AT_ONCE = 4
PATIENCE_SECONDS = 10.0
"""How long a request waits for its turn to read; the background reads what had none."""

_reading = threading.BoundedSemaphore(AT_ONCE)
"""Reads and fetches in requests, so that slow ones leave threads for everybody else."""


async def list_calendar_feeds(call: Call) -> bytes:
    """By title and id."""
    body: bytes = (await call.ask(queries.list_calendar_feeds()))[0]
    return body


def add(call: Call) -> Response:
    """Adds a calendar and reads it once; one that cannot be read is kept all the same."""
    fields = call.body.sent()
    data = _given_text(fields.pop("raw_ical", ""), fields.pop("file", None))
    text = CalendarText.of(data) if data else None
    command = AddCalendarFeed(**fields, text=text)
    is_possible = _is_possible(call, lambda work: require_addable(work, command))
    summary = _first_reading(call, data, calendar_address(command.source_url)) if is_possible else _summary(NOTHING, LATER)
    return carry_out(
        call,
        lambda work: add_calendar_feed(work, command),
        lambda _, row: (201, _found(row) + b',"import_summary":' + orjson.dumps(summary) + b"}"),
        answer=queries.get_calendar_feed,
    )


async def get_calendar_feed(call: Call) -> bytes:
    """One feed."""
    return _found(await call.ask(queries.get_calendar_feed(call.path["feed_id"]))) + b"}"


def change(call: Call) -> Response:
    """Changes what was sent; another text or address is read at once."""
    fields = call.body.sent()
    data = b""
    if "raw_ical" in fields:
        data = _given_text(fields.pop("raw_ical"), None)
        fields["text"] = CalendarText.of(data) if data else None
    command = ChangeCalendarFeed(feed_id=call.path["feed_id"], **fields)
    if (data or fields.get("source_url")) and _is_possible(call, lambda work: change_calendar_feed(work, command)):
        _first_reading(call, data, calendar_address(fields.get("source_url", "")))
    return carry_out(
        call,
        lambda work: change_calendar_feed(work, command),
        lambda _, row: (200, _found(row) + b"}"),
        answer=queries.get_calendar_feed,
    )


def remove(call: Call) -> Response:
    """Removes a feed with all of its entries."""
    return carry_out(call, lambda work: remove_calendar_feed(work, call.path["feed_id"]), lambda _feed, _row: (204, b""))


def refresh(call: Call) -> Response:
    """Reads a subscribed calendar now."""
    (source_url,) = call.ask_now(queries.get_calendar_source(call.path["feed_id"]))
    if source_url:
        _first_reading(call, b"", source_url)
    body: bytes = _found(call.ask_now(queries.get_calendar_feed(call.path["feed_id"]))) + b"}"
    return Response(body, 200, media_type="application/json; charset=utf-8")


def _is_possible(call: Call, decide: Callable[[Work[Lookups]], object]) -> bool:
    """Whether the command will not be refused, so that reading what it names is worth it; no address is asked for a stranger's feed."""
    try:
        call.services.commands.preview(decide, call.context())
    except Refused:
        return False
    return True


def _given_text(raw_ical: str, file: UploadFile | None) -> bytes:
    data = file.file.read(LARGEST_TEXT + 1) if file is not None else raw_ical.encode("utf-8", "replace")
    field = "file" if file is not None else "raw_ical"
    if len(data) > LARGEST_TEXT:
        raise Invalid({field: [f"Ensure this field has no more than {LARGEST_TEXT} bytes."]})
    if data and not looks_like_calendar(data):
        raise Invalid({field: [NOT_A_CALENDAR]})
    return data


def _first_reading(call: Call, data: bytes, url: str) -> dict[str, Any]:
    pool = call.services.thread_pool
    if data:
        return _limited(lambda: _summary(summary_of(pool, read_text(pool, data), SAMPLES), None))

    def fetched() -> dict[str, Any]:
        source = refresh_source(pool, url, _policy(call), by_hand=True)
        text = text_id(pool, source.text_digest) if source.text_digest is not None else None
        return _summary(NOTHING if text is None else summary_of(pool, text, SAMPLES), source.error)

    if not url or hides_credentials(url):
        return _summary(NOTHING, "There is nothing to read: no text and no address.")
    return _limited(fetched)


def _limited(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if not _reading.acquire(timeout=PATIENCE_SECONDS):
        return _summary(NOTHING, f"Too many calendars are being read. {LATER}")
    try:
        return read()
    finally:
        _reading.release()


def _summary(found: Summary, error: str | None) -> dict[str, Any]:
    error = error or found.error or ("" if found.event_count else "The calendar holds no events.")
    count = 0 if error else found.event_count
    return {"ok": not error, "count": count, "rejected": found.rejected_count, "events": found.samples if not error else [], "error": error}


def _policy(call: Call) -> Policy:
    usual = outbound_policy(call.services.settings)
    return Policy(usual.allow_private, usual.allowed, FIRST_FETCH_SECONDS)


def _found(row: tuple[Any, ...] | None) -> bytes:
    if row is None or row[0] is None:
        raise NotFound("CalendarFeed")
    body: bytes = row[0]
    return body


ROUTES = [
    Route("GET", "/calendar-feeds/", list_calendar_feeds, "List calendar feeds", answer=list[CalendarFeedOut]),
    Route(
        "POST", "/calendar-feeds/", add, "Add a calendar feed",
        description="Imports a calendar (`raw_ical`, or a multipart `file`) or subscribes to one (`source_url`).",
        body=CalendarFeedIn, answer=CalendarFeedMade,
        status=201, limit=BODY_LIMIT, refusals=[404],
        examples={
            "subscribe": {"title": "Timetable", "source_kind": "S", "source_url": "webcal://example.org/timetable.ics"},
            "import": {"title": "Exams", "source_kind": "I", "raw_ical": "BEGIN:VCALENDAR\r\n…\r\nEND:VCALENDAR\r\n"},
        },
    ),
    Route("GET", "/calendar-feeds/{feed_id:int}/", get_calendar_feed, "Read a calendar feed", answer=CalendarFeedOut),
    Route(
        "PATCH", "/calendar-feeds/{feed_id:int}/", change, "Change a calendar feed",
        description="`is_enabled` shows and hides it.",
        body=CalendarFeedChange,
        answer=CalendarFeedOut, limit=BODY_LIMIT, examples={"hide": {"is_enabled": False}}, answers=STALE,
    ),
    Route(
        "DELETE", "/calendar-feeds/{feed_id:int}/", remove, "Delete a calendar feed",
        description="It goes to the recycle bin.",
        status=204, answers=STALE,
    ),
    Route(
        "POST", "/calendar-feeds/{feed_id:int}/refresh/", refresh, "Refresh a subscribed calendar",
        description="Fetches it now. The result, also a failure, stands for a minute.",
        answer=CalendarFeedOut, once=False,
    ),
]  # fmt: skip
