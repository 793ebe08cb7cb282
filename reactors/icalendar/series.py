"""From events to occurrences: one series per UID, its revisions sorted out, its exceptions applied, within limits."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import NamedTuple

import recurring_ical_events
from icalendar import Calendar, Event, Parameters

from reactors.icalendar.contents import Rejected
from reactors.icalendar.events import WHENEVER, ReadEvent, as_kind_of, at_start_time
from reactors.icalendar.values import Period, Time, gap, is_day, lasting

SECONDS_PER_SERIES = 1.5
"""Of processor time, for one series in one year."""
MOST_OCCURRENCES = 10_000
"""Of one series in one year."""


class Occurrence(NamedTuple):
    """One taking place of an event."""

    event: ReadEvent
    start: Time
    length: timedelta


class TooSlow(Exception):
    """A series took longer than it may."""


@dataclass(slots=True)
class Series:
    """The events of one UID: the master, if there is one, and the replacements of single occurrences."""

    master: ReadEvent | None
    replacements: list[ReadEvent]

    @property
    def repeats(self) -> bool:
        """Whether its occurrences have to be computed."""
        return self.master is not None and self.master.repeats

    def years(self) -> tuple[int, int | None]:
        """The first year in which it may take place, and the last, None when it has no end."""
        assert self.master is not None
        events = [self.master, *self.replacements]
        starts = [event.start.year for event in events]
        starts += [(extra.start if isinstance(extra, Period) else extra).year for extra in self.master.extra]
        last = max(starts)
        for rule in self.master.rules:
            until = rule.get("UNTIL")
            if not until:
                return min(starts) - 1, None
            last = max(last, until[0].year)
        return min(starts) - 1, last + 1


def sort_into_series(events: Iterable[ReadEvent]) -> list[Series]:
    """Groups by UID. Of several revisions the newest counts; what is cancelled is left out."""
    groups: dict[str, list[ReadEvent]] = {}
    for event in events:
        groups.setdefault(event.uid, []).append(event)
    found: list[Series] = []
    for group in groups.values():
        masters = _newest_masters([event for event in group if event.recurrence_id is None])
        replacements = [event for event in group if event.recurrence_id is not None]
        if masters and masters[0].cancelled:
            replacements = []
        first = next((event for event in masters if not event.cancelled), None)
        if masters and first is None:
            continue
        found.append(Series(first, _newest_replacements(replacements, first)))
        found += [Series(other, []) for other in masters if other is not first and not other.cancelled]
    return found


def _newest_masters(masters: list[ReadEvent]) -> list[ReadEvent]:
    """Usually one. Events that share a UID by mistake (same revision, other time) all stay; of the same revision what is cancelled is.

    What is cancelled without a time is cancelled at any.
    """
    if len(masters) < 2:
        return masters
    newest = max(event.rank for event in masters)
    candidates = sorted((event for event in masters if event.rank == newest), key=lambda event: (event.cancelled, event.start == WHENEVER))
    if candidates[-1].start == WHENEVER:
        return candidates[-1:]
    return list({_instant_key(event.start): event for event in candidates}.values())


def _newest_replacements(replacements: list[ReadEvent], master: ReadEvent | None) -> list[ReadEvent]:
    newest: dict[str, ReadEvent] = {}
    for event in replacements:
        assert event.recurrence_id is not None
        if master is not None:
            event.recurrence_id = at_start_time(event.recurrence_id, master.start)
        key = _instant_key(event.recurrence_id)
        if key not in newest or event.rank >= newest[key].rank:
            newest[key] = event
    return list(newest.values())


def _instant_key(value: Time) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    return value.isoformat()


def single_occurrences(series: Series) -> Iterator[Occurrence]:
    """Those of a series that does not repeat."""
    events = [*([series.master] if series.master else []), *series.replacements]
    replaced = {_instant_key(event.recurrence_id) for event in series.replacements if event.recurrence_id is not None}
    for event in events:
        if event.cancelled or (event is series.master and _instant_key(event.start) in replaced):
            continue
        yield Occurrence(event, event.start, event.length)


class Expander:
    """Computes the occurrences of repeating series, year by year, until its time is used up."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._given_up: set[int] = set()
        self.rejected: list[Rejected] = []

    def expand(self, series: Series, year: int) -> list[Occurrence]:
        """The occurrences that begin in this year (UTC)."""
        master = series.master
        assert master is not None
        if id(series) in self._given_up:
            return _once(series, year)
        left = self._deadline - time.monotonic()
        if left <= 0:
            self._give_up(series, "the calendar is too large for all of its repetitions; it is shown once")
            return _once(series, year)
        try:
            with _time_limit(min(SECONDS_PER_SERIES, left)):
                found = _expanded(series, year)
        except TooSlow:
            self._give_up(series, "its repetitions take too long to compute; it is shown once")
            return _once(series, year)
        except Exception as error:  # noqa: BLE001 - whatever a rule breaks in the libraries costs this series only
            self._give_up(series, f"its repetitions cannot be computed ({type(error).__name__}); it is shown once")
            return _once(series, year)
        if len(found) > MOST_OCCURRENCES:
            self._reject(master, f"it takes place more than {MOST_OCCURRENCES} times in {year}; the rest is left out")
            del found[MOST_OCCURRENCES:]
        return found

    def _give_up(self, series: Series, reason: str) -> None:
        assert series.master is not None
        self._given_up.add(id(series))
        self._reject(series.master, reason)

    def _reject(self, master: ReadEvent, reason: str) -> None:
        self.rejected.append(Rejected(master.number, (master.title or master.uid)[:80], reason))


def _once(series: Series, year: int) -> list[Occurrence]:
    return [occurrence for occurrence in single_occurrences(series) if occurrence.start.year == year]


def _expanded(series: Series, year: int) -> list[Occurrence]:
    master = series.master
    assert master is not None
    calendar = Calendar()
    by_key: dict[str, ReadEvent] = {}
    stop: Time | None = None
    gone: list[Time] = []
    shown = [master]
    for event in series.replacements:
        assert event.recurrence_id is not None
        if not event.cancelled:
            shown.append(event)
        elif event.and_future:
            stop = event.recurrence_id if stop is None or gap(event.recurrence_id, stop) > timedelta() else stop
        else:
            gone.append(event.recurrence_id)
    for index, event in enumerate(shown):
        by_key[str(index)] = event
        calendar.add_component(_component(event, str(index), gone if event is master else []))
    first, last = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    found = []
    known: set[tuple[str, str]] = set()
    for component in recurring_ical_events.of(calendar).between(first - timedelta(days=1), last + timedelta(days=1)):
        start = component["DTSTART"].dt
        if not first <= _in_utc(start) < last:
            continue
        if stop is not None and gap(stop, as_kind_of(component["RECURRENCE-ID"].dt, stop)) >= timedelta():
            continue
        # A time that clocks skip is that of the next hour, or the next day, as well.
        key = str(component["X-INDEX"]), _instant_key(start)
        if key in known:
            continue
        known.add(key)
        event = by_key[key[0]]
        found.append(Occurrence(event, start, _length(event, start, component["DTEND"].dt)))
        if len(found) > MOST_OCCURRENCES:
            break
    return found


def _length(event: ReadEvent, start: Time, end: Time) -> timedelta:
    """Of one occurrence. The hours of a DURATION last as long when the clocks change, what has an end ends by the clock."""
    if is_day(start):
        own = [extra.length for extra in event.extra if isinstance(extra, Period) and as_kind_of(extra.start, start) == start]
        return own[-1] if own and own[-1] >= timedelta(days=1) else gap(start, end)
    length = gap(start, end)
    if event.lasts and isinstance(start, datetime) and isinstance(end, datetime):
        by_clock = end.replace(tzinfo=None) - start.replace(tzinfo=None)
        return lasting(start, event.nominal, event.by_clock - event.nominal) if by_clock == event.by_clock else length
    return max(length, timedelta())


def _component(event: ReadEvent, index: str, gone: list[Time]) -> Event:
    component = Event()
    component["UID"] = "series"
    component["X-INDEX"] = index
    component.add("DTSTART", event.start)
    if is_day(event.start) or event.by_clock < timedelta(days=1):
        component.add("DTEND", event.start + event.by_clock)
    else:
        component.add("DURATION", event.by_clock)
    if event.recurrence_id is not None:
        parameters = Parameters({"RANGE": "THISANDFUTURE"} if event.and_future else {})
        component.add("RECURRENCE-ID", event.recurrence_id, parameters=parameters)
    component.add("SEQUENCE", event.sequence)
    for rule in event.rules:
        component.add("RRULE", rule)
    if event.recurrence_id is not None:
        return component
    for excluded in [*event.excluded, *gone]:
        component.add("EXDATE", as_kind_of(excluded, event.start))
    for extra in event.extra:
        if isinstance(extra, Period):
            start = at_start_time(extra.start, event.start)
            component.add("RDATE", [(start, extra.length)] if isinstance(start, datetime) else [start])
        else:
            component.add("RDATE", [at_start_time(extra, event.start)])
    return component


def _in_utc(value: Time) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupts what runs in it. Works in a main thread only, which is why reading has a process of its own."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow

    previous = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
