"""Week, heat map, and the notes that were touched last (contract: planner_platform 3, 6, 7)."""

from __future__ import annotations

from datetime import date

from api.call import Call
from api.fields import read_instant
from api.routing import Route
from api.schemas.activity import HeatmapOut, WeekOut, WeekQuery
from api.schemas.notes import NoteItemOut
from projections.activity.heatmap import get_heatmap
from projections.activity.recent import list_recent_notes
from projections.activity.week import get_week
from reactors.feeds.texts import prepare_for_a_look

SPANS = {"3": 3, "30": 30}
USUAL_SPAN = 7
EARLIEST = date(1, 1, 10)
LATEST = date(9999, 11, 1)
"""Between these, the weeks before and after have a date as well."""


async def list_activity(call: Call) -> bytes:
    """The notes that the caller touched last; nothing for anonymous callers."""
    body: bytes = (await call.ask(list_recent_notes()))[0]
    return body


async def week(call: Call) -> bytes:
    """Plans, sittings and calendar entries by day, and the deadlines."""
    question = get_week(start_day(call.query.start_date), SPANS.get(call.query.days.strip(), USUAL_SPAN))
    body, texts, years = await call.ask(question)
    if texts:
        # Somebody looks further than repetitions were computed.
        await call.in_thread(prepare_for_a_look, call.services.thread_pool, texts, years)
        body, _, _ = await call.ask(question)
    week: bytes = body
    return week


async def heatmap(call: Call) -> bytes:
    """Half a year back, half a year ahead."""
    body: bytes = (await call.ask(get_heatmap()))[0]
    return body


def start_day(text: str) -> date | None:
    """The day in a date or date-time as it is written there; None when there is none to be read."""
    text = text.strip()
    if read_instant(text) is None:
        return None
    year, month, rest = text.split("-", 2)
    day = date(int(year), int(month), int(rest[:2] if rest[1:2].isdigit() else rest[:1]))
    return day if EARLIEST <= day <= LATEST else None


ROUTES = [
    Route(
        "GET", "/activity/", list_activity, "List recently edited notes", caller="open", answer=list[NoteItemOut],
        description="The caller's ten most recently edited notes; an empty list for anonymous callers.",
    ),
    Route(
        "GET", "/activity/week/", week, "Read the week",
        description="7 days (or 3 or 30) from `start_date`; an unreadable date means today. Also tells the most urgent open plans.",
        query=WeekQuery, answer=WeekOut,
    ),
    Route(
        "GET", "/heatmap/", heatmap, "Read the heat map",
        description="365 days with today in the middle.",
        answer=HeatmapOut,
    ),
]  # fmt: skip
