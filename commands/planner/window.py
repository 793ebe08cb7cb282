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

    def is_shown_as(self, other: Window) -> bool:
        """Whether both are the same times and the same day, however they were written."""
        return (
            all(
                moments.instant(mine) == moments.instant(its)
                for mine, its in ((self.starts_at, other.starts_at), (self.ends_at, other.ends_at))
            )
            and self.day == other.day
        )


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
    the day then in force. Other spellings of the times that it has are no change.
    """
    changed = _changed(window, zone, event_date, starts_at, ends_at)
    return window if changed.is_shown_as(window) else changed


def _changed(
    window: Window, zone: str | None, event_date: date | Unset, starts_at: str | Unset | None, ends_at: str | Unset | None
) -> Window:
    if isinstance(starts_at, Unset):
        days = timedelta() if isinstance(event_date, Unset) else event_date - window.day
        if isinstance(ends_at, Unset):
            return _days_later(window, days) if days else window
        start = moments.later(window.starts_at, days) if days else window.starts_at
    else:
        day = window.day if isinstance(event_date, Unset) else event_date
        start = starts_at or moments.noon(day, zone)
        if isinstance(ends_at, Unset):
            return Window(start, _end(start, _after(start, window.length)))
    return Window(start, _end(start, ends_at))


def _days_later(window: Window, days: timedelta) -> Window:
    """By the clock on the wall. Where clocks skip one of the times or show the start twice, before or after, the length stays instead."""
    start, end = moments.later(window.starts_at, days), moments.later(window.ends_at, days)
    if (
        moments.is_repeated(window.starts_at)
        or moments.is_repeated(start)
        or any(
            moments.is_skipped(before) or moments.clock(moved) != moments.clock(before) + days
            for before, moved in ((window.starts_at, start), (window.ends_at, end))
        )
    ):
        return Window(start, _after(start, window.length))
    return Window(start, _end(start, end))


def _end(start: str, end: str | None) -> str:
    if end is None or moments.instant(end) <= moments.instant(start):
        return _after(start, DEFAULT_LENGTH)
    return end


def _after(start: str, length: timedelta) -> str:
    """The moment so much later: on the start's clock, unless that is put forward or back in between; then as an instant."""
    end = moments.later(start, length)
    return end if moments.instant(end) - moments.instant(start) == length else moments.after(start, length)
