"""Heat map, week, and what was worked on last."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson

from mcp_server.call import Result, ToolCall, serves
from mcp_server.results import FOREIGN, LARGEST, event, localized, paged, session, summary
from projections.activity.heatmap import get_heatmap
from projections.activity.week import get_week
from projections.notes.matching import find_notes

EARLIEST, LATEST = date(1, 1, 10), date(9999, 11, 1)
"""Between these, the weeks before and after have a date as well."""
RECENT = 10
KEPT_OF_TEXT = 100


@serves("get_heatmap")
async def heatmap(call: ToolCall) -> Result:
    """A year of days always fits."""
    found: Result = await call.read(get_heatmap())
    return found


@serves("get_recent_activity")
async def recent_activity(call: ToolCall) -> Result:
    """Ten notes."""
    return paged({}, "recent_notes", await _latest(call, RECENT))


@serves("get_activity")
async def activity(call: ToolCall) -> Result:
    """As many as asked for."""
    return paged({}, "notes", await _latest(call, call.get("limit", RECENT)))


@serves("get_activity_week")
async def week(call: ToolCall) -> Result:
    """A week that is too full loses descriptions, then the ends of its fullest days."""
    found = await call.read(get_week(_start(call), call.get("days", 7)))
    found["days"] = [{"date": day["date"], "events": [_entry(call, entry) for entry in day["events"]]} for day in found["days"]]
    found["deadlines"] = [{**event(call, deadline), "urgency_score": float(deadline["urgency_score"])} for deadline in found["deadlines"]]
    found["time_zone"] = call.assistant.time_zone
    return _fitted(found)


def _entry(call: ToolCall, entry: dict[str, Any]) -> Result:
    if entry["kind"] == "note_session":
        return {**session(call, entry), "origin": "own"}
    if entry["kind"] == "plan":
        return {**event(call, entry), "kind": "plan", "source_id": entry["source_id"], "origin": "own"}
    if FOREIGN not in call.notices:
        call.notices.append(FOREIGN)
    return {**entry, **localized(call, entry), "origin": "feed"}


def _fitted(found: Result) -> Result:
    size = len(orjson.dumps(found))
    if size <= LARGEST:
        return found
    entries = [entry for day in found["days"] for entry in day["events"]] + found["deadlines"]
    for entry in entries:
        for name in ("description", "summary"):
            if len(entry.get(name) or "") > KEPT_OF_TEXT:
                entry[name] = entry[name][:KEPT_OF_TEXT] + "…"
    found["truncated"] = True
    size = len(orjson.dumps(found))
    while size > LARGEST:
        fullest = max((day["events"] for day in found["days"]), key=len)
        if not fullest:
            fullest = found["deadlines"]
        for entry in fullest[-max(1, len(fullest) // 10) :]:
            size -= len(orjson.dumps(entry)) + 1
            fullest.remove(entry)
    return found


def _start(call: ToolCall) -> date | None:
    try:
        day = date.fromisoformat(call.get("start_date", ""))
    except ValueError:
        return None
    return day if EARLIEST <= day <= LATEST else None


async def _latest(call: ToolCall, limit: int) -> list[Result]:
    return [summary(call, item) for item in await call.read(find_notes(None, limit, 0))]
