"""Reading a whole calendar: what it holds, what had to be left out, and its occurrences by year."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from datetime import UTC, datetime

from reactors.icalendar.contents import Entry, Reading, Rejected
from reactors.icalendar.events import EventReader
from reactors.icalendar.lines import Calendar, decode, split
from reactors.icalendar.series import Expander, Occurrence, Series, single_occurrences, sort_into_series
from reactors.icalendar.values import Unreadable, read_duration, read_text
from reactors.icalendar.zones import Zones

MOST_EVENTS = 150_000
MOST_ENTRIES = 200_000
MOST_STARTS = 6
"""Years of first occurrences, beyond the given ones, that are prepared with them."""
MOST_REJECTED = 200
"""Rejected items that are told one by one; of the others only the number is."""


def read_calendar(data: bytes, years: Collection[int], seconds: float, *, repeating_only: bool = False) -> Reading:
    """Reads a text, with the repetitions of these years and of those in which series begin.

    seconds: how long computing repetitions may take in all. repeating_only: leaves out what does not repeat, for a
    text that was read before. Raises nothing for whatever the bytes are.
    """
    deadline = time.monotonic() + seconds
    contents = split(decode(data))
    reading = Reading(is_calendar=bool(contents.calendars), cut_off=contents.cut_off)
    if not contents.calendars:
        return reading
    _take_properties(reading, contents.calendars)
    zones = Zones(contents.zones)
    reader = EventReader(zones)
    events = [event for component in contents.events[:MOST_EVENTS] if (event := reader.read(component)) is not None]
    if len(contents.events) > MOST_EVENTS:
        reader.rejected.append(Rejected(contents.events[MOST_EVENTS].number, "calendar", f"only {MOST_EVENTS} events are read"))
    series = sort_into_series(events)
    reading.event_count = len(series)
    repeating = [one for one in series if one.repeats]
    if not repeating_only:
        for one in series:
            if not one.repeats:
                reading.entries += [_entry(None, occurrence) for occurrence in single_occurrences(one)]
    expander = Expander(deadline)
    _expand(reading, repeating, years, expander, at_starts=not repeating_only)
    rejected = [*reader.rejected, *expander.rejected]
    if contents.cut_off:
        rejected.append(Rejected(0, "calendar", "it ends without END:VCALENDAR, so some of it may be missing"))
    rejected += [Rejected(0, name, "unknown time zone; its times are taken as they stand") for name in zones.unknown]
    rejected += [Rejected(0, name, "one time zone too many; its standard offset is taken all year") for name in zones.simplified]
    reading.rejected_count = len(rejected)
    reading.rejected = rejected[:MOST_REJECTED]
    return reading


def _expand(reading: Reading, repeating: list[Series], years: Collection[int], expander: Expander, *, at_starts: bool) -> None:
    if not repeating:
        return
    spans = [one.years() for one in repeating]
    wanted = set(years)
    reading.first_year = min(first for first, _ in spans)
    reading.last_year = None if any(last is None for _, last in spans) else max(last or 0 for _, last in spans)
    if at_starts:
        beyond = sorted({first + ahead for first, _ in spans for ahead in (1, 2) if first + ahead > max(wanted, default=0)})
        wanted.update(beyond[:MOST_STARTS])
    for year in sorted(wanted, key=lambda year: (year not in years, year)):
        reading.years.append(year)
        for one, (first, last) in zip(repeating, spans, strict=True):
            if first <= year and (last is None or year <= last) and len(reading.entries) < MOST_ENTRIES:
                reading.entries += [_entry(year, occurrence) for occurrence in expander.expand(one, year)]


def _entry(year: int | None, occurrence: Occurrence) -> Entry:
    event, start = occurrence.event, occurrence.start
    whole_day = not isinstance(start, datetime)
    if isinstance(start, datetime):
        floating = start.tzinfo is None
        starts_at = start.replace(tzinfo=UTC) if floating else start.astimezone(UTC)
    else:
        floating = True
        starts_at = datetime(start.year, start.month, start.day, tzinfo=UTC)
    identity = hashlib.sha256(f"{event.uid}\n{starts_at.isoformat()}".encode("utf-8", "replace")).hexdigest()[:32]
    return Entry(year, identity, starts_at, starts_at + occurrence.length, whole_day, floating, event.title, event.place, event.description)


def _take_properties(reading: Reading, calendars: list[Calendar]) -> None:
    for calendar in calendars:
        name = read_text(calendar.properties.get("X-WR-CALNAME") or calendar.properties.get("NAME"), 200)
        reading.name = reading.name or name or ""
        for key in ("REFRESH-INTERVAL", "X-PUBLISHED-TTL"):
            line = calendar.properties.get(key)
            if line is not None and reading.refresh_seconds is None:
                try:
                    reading.refresh_seconds = int(read_duration(line.value).total_seconds())
                except Unreadable:
                    continue
