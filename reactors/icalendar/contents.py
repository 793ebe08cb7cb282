"""What reading a calendar yields. Whoever reads in another process needs no more of this package than this and `apart`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

EARLIEST_YEAR, LATEST_YEAR = 1900, 2100


@dataclass(slots=True)
class Rejected:
    """Something that was left out, for the user to see."""

    line: int
    item: str
    reason: str


@dataclass(slots=True)
class Entry:
    """One occurrence as it is stored. Floating ones (and whole days) have their wall-clock time in starts_at."""

    year: int | None
    """The year whose preparation made it; None for what does not repeat."""
    identity: str
    starts_at: datetime
    ends_at: datetime
    whole_day: bool
    floating: bool
    title: str | None
    place: str
    description: str


@dataclass(slots=True)
class Reading:
    """What came out of one text."""

    is_calendar: bool
    cut_off: bool = False
    """The text ends before its calendar does: what is behind is missing, or the program writes no ends."""
    name: str = ""
    refresh_seconds: int | None = None
    event_count: int = 0
    """Events that can be shown; replacements of single occurrences count with their series."""
    first_year: int | None = None
    """From the first to the last year something repeats; None when nothing does, or has no end."""
    last_year: int | None = None
    years: list[int] = field(default_factory=list)
    """For which the repeating events were computed."""
    entries: list[Entry] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0


def possible_year(year: int) -> bool:
    """Whether there can be occurrences in this year at all."""
    return year <= LATEST_YEAR


def usual_years(today: datetime) -> list[int]:
    """The years that are prepared at once: last year, this one and the next two."""
    return [today.year + ahead for ahead in (0, 1, -1, 2)]
