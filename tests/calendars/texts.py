"""Calendars written in a line, and what was read out of them."""

from __future__ import annotations

from datetime import UTC, datetime

from reactors.icalendar.contents import Reading
from reactors.icalendar.reading import read_calendar

YEARS = [2031]


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(*events: str, head: str = "", years: list[int] | None = None) -> Reading:
    """Reads a calendar of these events, given as lines without BEGIN and END."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", *filter(None, head.split("\n"))]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.strip().split("\n"), "END:VEVENT"]
    return read_calendar("\r\n".join([*lines, "END:VCALENDAR", ""]).encode(), years or YEARS, 20)


def starts(reading: Reading, title: str | None = None) -> list[str]:
    """The starts in UTC, short."""
    return sorted(f"{e.starts_at:%m-%d %H:%M}" for e in reading.entries if e.starts_at.year == 2031 and (title is None or e.title == title))


def only(reading: Reading) -> tuple[datetime, datetime]:
    """Start and end of the only entry."""
    (entry,) = reading.entries
    return entry.starts_at, entry.ends_at
