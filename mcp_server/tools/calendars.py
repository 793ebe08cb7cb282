"""Calendar feeds. Nothing is fetched during a call: the background process does that. Text that is given is read at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from commands.calendars.feeds import (
    AddCalendarFeed,
    CalendarText,
    ChangeCalendarFeed,
    add_calendar_feed,
    change_calendar_feed,
    remove_calendar_feed,
    require_addable,
)
from commands.errors import NotFound
from commands.handling import Work
from commands.lookups import Lookups
from mcp_server.call import Result, ToolCall, serves
from mcp_server.refusals import ToolRefusal
from mcp_server.results import offset, sliced
from projections.calendars import queries
from reactors.feeds.texts import LARGEST_TEXT, looks_like_calendar, read_text

SCHEMES = ("http", "https", "webcal", "webcals")
MEMBERS = (
    "id", "title", "source_kind", "source_url", "is_enabled", "course_id", "state", "error", "event_count", "rejected_count",
)  # fmt: skip
IN_STATE = {
    "empty": "A calendar here has neither a text nor an address, so it shows nothing: give raw_ical, or source_url.",
    "pending": "A calendar here is read in a moment; list_calendar_feeds tells by its state what came of it.",
    "failed": "A calendar here could not be read: its error tells why.",
    "gone": "A calendar here could not be read: its error tells why.",
}
NO_EVENTS = "A calendar here has no events that can be shown."
REJECTED = "Some entries of a calendar here could not be read, and are not shown: see rejected_count."


@serves("list_calendar_feeds")
async def list_calendar_feeds(call: ToolCall) -> Result:
    """By title and id."""
    return sliced(call, {}, "feeds", await call.read(queries.list_calendar_feeds()), feed)


@serves("create_calendar_feed")
async def create_calendar_feed(call: ToolCall) -> Result:
    """The same command as the apps'."""
    command = AddCalendarFeed(**_fields(call), title=call.title)
    command = replace(command, text=await _text(call, lambda work: require_addable(work, command)))
    _, row = await call.run(lambda work: add_calendar_feed(work, command), answer=queries.get_calendar_feed)
    return feed(call, call.parsed(row[0] + b"}"))


@serves("update_calendar_feed")
async def update_calendar_feed(call: ToolCall) -> Result:
    """The named fields; an empty text or address takes the present one away."""
    fields = _fields(call)
    if "title" in call.arguments:
        fields["title"] = call.title
    command = ChangeCalendarFeed(feed_id=call["feed_id"], **fields)
    if "raw_ical" in call.arguments:
        command = replace(command, text=await _text(call, lambda work: change_calendar_feed(work, command)))

    _, row = await call.run(lambda work: change_calendar_feed(work, command), answer=queries.get_calendar_feed)
    return feed(call, call.parsed(row[0] + b"}"))


@serves("delete_calendar_feed")
async def delete_calendar_feed(call: ToolCall) -> Result:
    """With all of its entries."""
    if call.dry_run:
        (found,) = await call.ask(queries.get_calendar_feed(call["feed_id"]))
        if found is None:
            raise NotFound("CalendarFeed")
        await call.preview(lambda work: remove_calendar_feed(work, call["feed_id"]))
        shown = call.parsed(found + b"}")
        return {"deleted": False, "dry_run": True, "feed_id": shown["id"], "title": shown["title"]}
    await call.run(lambda work: remove_calendar_feed(work, call["feed_id"]))
    return {"deleted": True, "feed_id": call["feed_id"]}


def feed(call: ToolCall, item: dict[str, Any]) -> Result:
    """A CalendarFeed. What is wrong with it is told beside the result as well."""
    if item["state"] in IN_STATE:
        call.notices.append(IN_STATE[item["state"]])
    elif not item["event_count"]:
        call.notices.append(NO_EVENTS)
    if item["rejected_count"]:
        call.notices.append(REJECTED)
    shown = {name: item[name] for name in MEMBERS}
    return {**shown, "last_sync": offset(item["last_sync"]), "version": offset(item["last_edit"])}


def _fields(call: ToolCall) -> dict[str, Any]:
    fields = call.given("source_kind", "source_url", "is_enabled")
    if "course_id" in call.arguments:
        fields["course_id"] = call["course_id"] or None
    if "source_url" in fields:
        fields["source_url"] = _address(fields["source_url"].strip())
    return fields


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = not url or (parts.scheme.lower() in SCHEMES and bool(parts.hostname) and not any(c.isspace() for c in url))
    except ValueError:
        usable = False
    if not usable:
        raise ToolRefusal("source_url: must be an address that begins with http://, https:// or webcal://.")
    return url


async def _text(call: ToolCall, decide: Callable[[Work[Lookups]], object]) -> CalendarText | None:
    """The text that is given, read unless the decision that it belongs to is refused."""
    data = call.get("raw_ical", "").encode()
    if not data.strip():
        return None
    if len(data) > LARGEST_TEXT or not looks_like_calendar(data):
        raise ToolRefusal("raw_ical: this is no iCal text. It has to begin with BEGIN:VCALENDAR.")

    await call.preview(decide)

    def read() -> CalendarText:
        read_text(call.services.thread_pool, data)
        return CalendarText.of(data)

    return await call.in_thread(read)
