"""Heat map, week, and what was worked on last."""

from __future__ import annotations

from datetime import date
from typing import Any

from mcp_server.call import Result, ToolCall, serves
from mcp_server.results import event, localized, session, summary
from projections.activity.heatmap import get_heatmap
from projections.activity.week import get_week
from projections.notes.matching import find_notes
from reactors.feeds.texts import prepare_for_a_look
from toolbox.bounding import cursor_of, paged, part_of_week
from toolbox.foreign import FOREIGN
from toolbox.planning import RECENT

EARLIEST, LATEST = date(1, 1, 10), date(9999, 11, 1)
"""Between these, the weeks before and after have a date as well."""


@serves("get_heatmap")
async def heatmap(call: ToolCall) -> Result:
    """A year of days always fits."""
    found: Result = await call.read(get_heatmap())
    return found


@serves("get_recent_activity")
async def recent_activity(call: ToolCall) -> Result:
    """Ten notes."""
    shown, _ = await _latest(call, RECENT, 0)
    return paged({}, "recent_notes", shown, continued=False)


@serves("get_activity")
async def activity(call: ToolCall) -> Result:
    """`limit` holds for each page."""
    start = cursor_of(call.arguments)
    shown, more = await _latest(call, call.get("limit", RECENT), start)
    return paged({}, "notes", shown, start=start, more=more)


@serves("get_activity_week")
async def week(call: ToolCall) -> Result:
    """A week that is too full comes in parts: always all of its days, each time with the next entries, and the deadlines at the end."""
    question = get_week(day_of(call.get("start_date", "")), call.get("days", 7))
    body, texts, years = await call.ask(question)
    if texts:
        # Somebody looks further than repetitions were computed.
        await call.in_thread(lambda: prepare_for_a_look(call.services.thread_pool, texts, years))
        body, _, _ = await call.ask(question)
    found = call.parsed(body)
    found["days"] = [{"date": day["date"], "events": [_entry(call, entry) for entry in day["events"]]} for day in found["days"]]
    found["deadlines"] = [{**event(call, deadline), "urgency_score": float(deadline["urgency_score"])} for deadline in found["deadlines"]]
    found["time_zone"] = call.assistant.time_zone
    return part_of_week(found, cursor_of(call.arguments))


def _entry(call: ToolCall, entry: dict[str, Any]) -> Result:
    if entry["kind"] == "note_session":
        return {**session(call, entry), "origin": "own"}
    if entry["kind"] == "plan":
        return {**event(call, entry), "kind": "plan", "source_id": entry["source_id"], "origin": "own"}
    if FOREIGN not in call.notices:
        call.notices.append(FOREIGN)
    return {**entry, **localized(call, entry), "origin": "feed"}


def day_of(text: str) -> date | None:
    """The day, if it is one whose week can be shown."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if EARLIEST <= day <= LATEST else None


async def _latest(call: ToolCall, limit: int, start: int) -> tuple[list[Result], bool]:
    """The notes, and whether others come behind them."""
    found, _, more = await call.ask(find_notes(None, limit, start))
    return [summary(call, item) for item in call.parsed(found)], more
