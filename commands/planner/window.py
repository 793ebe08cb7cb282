"""The window of a plan: when it starts and ends, and the day it falls on (contract: planner_platform 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from commands.unset import Unset
from eventstore import moments

DEFAULT_LENGTH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Start and end as moments; the end is later than the start."""

    starts_at: str
    ends_at: str

    @property
    def day(self) -> date:
        """The day it falls on: that of the start, in the start's zone."""
        return moments.day(self.starts_at)

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return moments.instant(self.ends_at) - moments.instant(self.starts_at)


def plan(event_date: date, starts_at: str | None, ends_at: str | None, zone: str | None) -> Window:
    """The window of a new plan: midday without a start, an hour without a later end."""
    start = starts_at or moments.noon(event_date, zone)
    return Window(start, _end(start, ends_at))


def replan(
    window: Window,
    zone: str | None,
    event_date: date | Unset,
    starts_at: str | Unset | None,
    ends_at: str | Unset | None,
) -> Window:
    """The window after a change of some of its fields.

    A new day alone moves start and end by whole days, a new start alone keeps the length; a start of None is midday of
    the day then in force.
    """
    if isinstance(starts_at, Unset):
        days = timedelta() if isinstance(event_date, Unset) else event_date - window.day
        start = moments.later(window.starts_at, days) if days else window.starts_at
        if isinstance(ends_at, Unset):
            end = moments.later(window.ends_at, days) if days else window.ends_at
            return Window(start, _end(start, end))
    else:
        day = window.day if isinstance(event_date, Unset) else event_date
        start = starts_at or moments.noon(day, zone)
        if isinstance(ends_at, Unset):
            return Window(start, _end(start, _after(start, window.length)))
    return Window(start, _end(start, ends_at))


def _end(start: str, end: str | None) -> str:
    if end is None or moments.instant(end) <= moments.instant(start):
        return _after(start, DEFAULT_LENGTH)
    return end


def _after(start: str, length: timedelta) -> str:
    """The moment so much later: on the start's clock, unless that is put forward or back in between; then as an instant."""
    end = moments.later(start, length)
    return end if moments.instant(end) - moments.instant(start) == length else moments.after(start, length)
