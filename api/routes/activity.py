"""Week, heat map, and the notes that were touched last (contract: planner_platform 3, 6, 7)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date

from api.call import Call
from api.fields import read_instant
from api.routing import Route
from api.schemas.activity import HeatmapOut, WeekOut, WeekQuery
from api.schemas.notes import NoteItemOut
from projections.activity.heatmap import get_heatmap
from projections.activity.recent import list_recent_notes
from projections.activity.week import get_week
from reactors.feeds.store import Pool
from reactors.feeds.texts import prepare_years

SPANS = {"3": 3, "30": 30}
USUAL_SPAN = 7
EARLIEST = date(1, 1, 10)
LATEST = date(9999, 11, 1)
"""Between these, the weeks before and after have a date as well."""

PREPARING_SECONDS = 5.0
"""How long a request computes repetitions, the last calendar aside. What it did not come to is computed at the next look."""
PATIENCE_SECONDS = 2.0
"""How long it waits for others that do. Then the week comes without these repetitions."""
preparing = threading.BoundedSemaphore(2)
"""Requests that compute, so that those of somebody who leafs through the centuries leave threads for everybody else."""


async def list_activity(call: Call) -> bytes:
    """The notes that the caller touched last; nothing for anonymous callers."""
    body: bytes = (await call.ask(list_recent_notes()))[0]
    return body


async def week(call: Call) -> bytes:
    """Plans, sittings and calendar entries by day, and the deadlines."""
    question = get_week(start_day(call.query.start_date), SPANS.get(call.query.days.strip(), USUAL_SPAN))
    body, texts, years = await call.ask(question)
    if texts:
        # Somebody looks further than repetitions were computed; once done, they stay.
        await call.in_thread(_prepare, call.services.thread_pool, texts, years)
        body, _, _ = await call.ask(question)
    week: bytes = body
    return week


def _prepare(pool: Pool, texts: Sequence[int], years: Sequence[int]) -> None:
    if preparing.acquire(timeout=PATIENCE_SECONDS):
        try:
            prepare_years(pool, texts, years, seconds=PREPARING_SECONDS)
        finally:
            preparing.release()


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
