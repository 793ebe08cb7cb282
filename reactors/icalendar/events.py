"""From the properties of a VEVENT to an event: when, what, how often."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo

from icalendar import vRecur

from reactors.icalendar.contents import EARLIEST_YEAR, Rejected
from reactors.icalendar.lines import Component, Line
from reactors.icalendar.values import (
    LONGEST,
    Period,
    Time,
    Unreadable,
    as_its_day,
    ends_early,
    gap,
    is_day,
    lasting,
    nominal_part,
    read_duration,
    read_number,
    read_rule,
    read_text,
    read_time,
    read_times,
)
from reactors.icalendar.zones import Zones

DEFAULT_LENGTH = timedelta(hours=1)
"""Of an event with a time and without an end (contract: planner_platform 5)."""
ONE_DAY = timedelta(days=1)
WHENEVER = date.min
"""The start of a cancellation that names none and means all of the event."""
LONGEST_TITLE, LONGEST_PLACE, LONGEST_DESCRIPTION = 500, 500, 4000


@dataclass(slots=True)
class ReadEvent:
    """An event. `recurrence_id` marks the replacement of one occurrence of its series."""

    number: int
    uid: str
    start: Time
    length: timedelta
    """Time that passes from start to end."""
    by_clock: timedelta
    """The same by the clock on the wall: repetitions end at the same time of day, whatever the clocks did in the first night."""
    lasts: bool
    """Whether its length was given as a duration, so that its hours last as long also when the clocks change."""
    nominal: timedelta
    """The days of that duration, which are days of the calendar."""
    title: str | None
    place: str
    description: str
    cancelled: bool
    sequence: int
    stamp: str
    recurrence_id: Time | None = None
    and_future: bool = False
    rules: list[vRecur] = field(default_factory=list)
    extra: list[Time | Period] = field(default_factory=list)
    excluded: list[Time] = field(default_factory=list)

    @property
    def repeats(self) -> bool:
        """Whether it may take place more than once."""
        return bool(self.rules or self.extra)

    @property
    def rank(self) -> tuple[int, str]:
        """The higher one is the newer revision."""
        return self.sequence, self.stamp


class EventReader:
    """Reads the events of one file, and collects what it has to leave out."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self.rejected: list[Rejected] = []

    def read(self, component: Component) -> ReadEvent | None:
        """The event, or None when it has no usable start."""
        item = read_text(component.last("SUMMARY"), 80) or read_text(component.last("UID"), 80) or "event"
        try:
            return self._read(component, item)
        except Unreadable as error:
            self.rejected.append(Rejected(component.number, item, str(error)))
        except Exception as error:  # noqa: BLE001 - one event, however odd, never costs another
            self.rejected.append(Rejected(component.number, item, f"cannot be read ({type(error).__name__})"))
        return None

    def _read(self, component: Component, item: str) -> ReadEvent:
        default = self._zones.find(component.calendar.text("X-WR-TIMEZONE"))
        recurrence = component.last("RECURRENCE-ID")
        start_line, start = self._start(component, recurrence, default)
        length, by_clock, nominal = self._lengths(component, start, default, item)
        event = ReadEvent(
            number=component.number,
            uid=_uid(component, start_line),
            start=start,
            length=length,
            by_clock=by_clock,
            lasts=component.last("DTEND") is None,
            nominal=nominal,
            title=_one_line(read_text(component.last("SUMMARY"), LONGEST_TITLE)),
            place=_one_line(read_text(component.last("LOCATION"), LONGEST_PLACE)) or "",
            description=read_text(component.last("DESCRIPTION"), LONGEST_DESCRIPTION) or "",
            cancelled=_is_cancelled(component),
            sequence=read_number(component.last("SEQUENCE")),
            stamp=_stamp(component),
        )
        zone = start.tzinfo if isinstance(start, datetime) else None
        if recurrence is not None:
            event.recurrence_id = as_its_day(
                read_time(recurrence.value, self._zones.find(recurrence.parameter("TZID")) or zone or default), start, default
            )
            event.and_future = (recurrence.parameter("RANGE") or "").upper() == "THISANDFUTURE"
        for line in component.properties.get("RRULE", ()):
            if not line.value.strip():
                continue
            self._attempt(line, item, lambda line=line: _add_rule(event, line, default))
        for line in component.properties.get("RDATE", ()):
            self._attempt(line, item, lambda line=line: event.extra.extend(read_times(line, self._zones, zone or default)))
        for line in component.properties.get("EXDATE", ()):
            self._attempt(
                line,
                item,
                lambda line=line: event.excluded.extend(
                    as_its_day(value, start, default)
                    for value in read_times(line, self._zones, zone or default)
                    if not isinstance(value, Period)
                ),
            )
        if component.properties.get("EXRULE"):
            self.rejected.append(Rejected(component.properties["EXRULE"][0].number, item, "rules of exclusion are not followed"))
        return event

    def _start(self, component: Component, recurrence: Line | None, default: tzinfo | None) -> tuple[Line | None, Time]:
        """A cancellation needs no start of its own (RFC 5546, 3.2.5): it names the occurrence, or means all of the event."""
        line = component.last("DTSTART")
        if line is None and _is_cancelled(component):
            return None, WHENEVER if recurrence is None else self._time(recurrence, default)
        if line is None:
            raise Unreadable("it has no start")
        line = _brought_near(line, component)
        return line, self._time(line, default)

    def _time(self, line: Line, default: tzinfo | None) -> Time:
        value = read_time(line.value, self._zones.find(line.parameter("TZID")) or default)
        if (line.parameter("VALUE") or "").upper() == "DATE" and isinstance(value, datetime):
            return value.date()
        return value

    def _lengths(self, component: Component, start: Time, default: tzinfo | None, item: str) -> tuple[timedelta, timedelta, timedelta]:
        """Of the time that passes, by the clock, and of this the days of a duration."""
        usual, nominal = ONE_DAY if is_day(start) else DEFAULT_LENGTH, timedelta()
        end_line, duration = component.last("DTEND"), component.last("DURATION")
        try:
            if end_line is not None and end_line.value.strip():
                zone = start.tzinfo if isinstance(start, datetime) else None
                end_line = _brought_near(end_line, component)
                end = read_time(end_line.value, self._zones.find(end_line.parameter("TZID")) or zone or default)
                length = by_clock = gap(start, end)
                if isinstance(start, datetime) and isinstance(end, datetime) and start.tzinfo is not None and end.tzinfo is not None:
                    by_clock = end.astimezone(start.tzinfo).replace(tzinfo=None) - start.replace(tzinfo=None)
            elif duration is not None and duration.value.strip():
                by_clock, nominal = read_duration(duration.value), nominal_part(duration.value)
                length = lasting(start, nominal, by_clock - nominal)
            else:
                return usual, usual, timedelta()
        except Unreadable as error:
            self.rejected.append(Rejected((end_line or duration or component.first("DTSTART")).number, item, f"its end: {error}"))  # type: ignore[union-attr]
            return usual, usual, timedelta()
        if is_day(start):
            length = by_clock = timedelta(days=length.days)
        if length < timedelta() or by_clock < timedelta() or length > LONGEST or (is_day(start) and not length):
            return usual, usual, timedelta()
        return length, by_clock, nominal

    def _attempt(self, line: Line, item: str, step: object) -> None:
        assert callable(step)
        try:
            step()
        except Unreadable as error:
            self.rejected.append(Rejected(line.number, item, str(error)))


def _add_rule(event: ReadEvent, line: Line, default: tzinfo | None) -> None:
    rule = read_rule(line, event.start, default)
    event.rules.append(rule)
    if ends_early(rule, event.start):
        raise Unreadable(f"the rule ends before its event begins, which is not shown: “{line.value[:80]}”")


def _brought_near(line: Line, component: Component) -> Line:
    """A time of long ago that repeats for ever, 400 years later: the days of the week and leap days are the same then.

    Apple writes birthdays without a year as those of 1604.
    """
    year = re.match(r"\s*(1[0-8]\d\d)", line.value)
    if year is None or not any(_goes_on(rule.value) for rule in component.properties.get("RRULE", ())):
        return line
    later = int(year[1]) + 400 * ((EARLIEST_YEAR - int(year[1]) + 399) // 400)
    return Line(line.number, line.parameters, f"{later}{line.value[year.end() :]}")


def _goes_on(rule: str) -> bool:
    return not re.search(r"(COUNT|UNTIL|INTERVAL)\s*=\s*(?!1\s*(;|$))", rule, re.IGNORECASE)


def _one_line(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split("\n"))


def _is_cancelled(component: Component) -> bool:
    status = component.last("STATUS")
    return (status is not None and status.value.strip().upper() in ("CANCELLED", "CANCELED")) or (
        component.calendar.text("METHOD").upper() == "CANCEL"
    )


def _stamp(component: Component) -> str:
    for name in ("LAST-MODIFIED", "DTSTAMP", "CREATED"):
        line = component.last(name)
        if line is not None and line.value.strip():
            return line.value.strip()
    return ""


def _uid(component: Component, start: Line | None) -> str:
    """Its UID; for one without a UID what it says stands for it."""
    line = component.last("UID")
    if line is not None and line.value.strip():
        return line.value.strip()
    lines = [component.last(name) for name in ("DTSTART", "DTEND", "SUMMARY", "RRULE")]
    text = "\n".join(f"{part.parameters}:{part.value}" if part else "" for part in [start, *lines])
    return "no-uid-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def as_kind_of(value: Time, start: Time) -> Time:
    """A day or time of exceptions, made comparable with the start of its series; a day stays a day."""
    if not isinstance(start, datetime):
        if not isinstance(value, datetime):
            return value
        return value.date()
    if not isinstance(value, datetime):
        return value
    if start.tzinfo is None:
        return value.replace(tzinfo=None)
    return value if value.tzinfo is not None else value.replace(tzinfo=start.tzinfo)


def at_start_time(value: Time, start: Time) -> Time:
    """The same, with a day becoming the series' time of that day."""
    value = as_kind_of(value, start)
    if isinstance(start, datetime) and not isinstance(value, datetime):
        return datetime.combine(value, time(start.hour, start.minute, start.second), start.tzinfo)
    return value
