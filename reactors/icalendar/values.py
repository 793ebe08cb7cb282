"""Single values: times, durations, texts, rules. What cannot be read raises Unreadable with the reason for the user."""

from __future__ import annotations

import quopri
import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple

from icalendar import vDuration, vRecur

from reactors.icalendar.contents import EARLIEST_YEAR, LATEST_YEAR
from reactors.icalendar.lines import Line
from reactors.icalendar.zones import Zones

LONGEST = timedelta(days=3660)

Time = date | datetime
"""A day, a floating time (naive) or an instant (aware)."""

_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_TIME = re.compile(r"[T ]\s*(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_DURATION = re.compile(r"([+-]?)P(?:(\d+)W)?(?:(\d+)D)?(?:T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE)


class Unreadable(Exception):
    """A value that means nothing, or nothing that can be shown."""


class Period(NamedTuple):
    """A start with its own length."""

    start: Time
    length: timedelta


def is_day(value: Time) -> bool:
    """Whether it is a day without a time."""
    return not isinstance(value, datetime)


def read_time(text: str, zone: tzinfo | None) -> Time:
    """The day or time in a text; a time without Z or offset is in the zone, or floating when there is none."""
    text = text.strip()
    match = _DATE.match(text)
    if match is None:
        raise Unreadable(f"“{text[:40]}” is no date")
    try:
        day = date(*map(int, match.groups()))
        if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
            raise Unreadable(f"the year {day.year} is out of range")
        rest = text[match.end() :].strip()
        if not rest:
            return day
        clock = _TIME.fullmatch(rest if rest[:1] in "Tt" else " " + rest)
        if clock is None:
            raise Unreadable(f"“{text[:40]}” is no time")
        hour, minute, second = int(clock[1]), int(clock[2]), min(int(clock[3] or 0), 59)
        extra = timedelta(days=1) if hour == 24 and minute == 0 else timedelta()
        naive = datetime.combine(day, time(0 if extra else hour, minute, second)) + extra
        if clock[4] and clock[4] not in "Zz":
            sign = -1 if clock[4][0] == "-" else 1
            offset = timedelta(hours=int(clock[4][1:3]), minutes=int(clock[4][-2:]))
            return (naive - sign * offset).replace(tzinfo=UTC)
    except ValueError:
        raise Unreadable(f"“{text[:40]}” is no date") from None
    return naive.replace(tzinfo=UTC if clock[4] else zone)


def read_times(line: Line, zones: Zones, default: tzinfo | None) -> list[Time | Period]:
    """The days, times or periods of a list property; what cannot be read is left out, unless it is all of it."""
    zone = zones.find(line.parameter("TZID")) or default
    found: list[Time | Period] = []
    problem: Unreadable | None = None
    for part in line.value.split(","):
        text = part.strip()
        if not text:
            continue
        try:
            if "/" in text:
                start_text, _, end_text = text.partition("/")
                start = read_time(start_text, zone)
                lasts = end_text.strip()[:1] in {"P", "p", "+", "-"}
                length = read_duration(end_text) if lasts else gap(start, read_time(end_text, zone))
                found.append(Period(start, length))
            else:
                found.append(read_time(text, zone))
        except Unreadable as error:
            problem = error
    if not found and problem is not None:
        raise problem
    return found


def read_duration(text: str) -> timedelta:
    """A length. Raises Unreadable for negative and absurd ones."""
    text = text.strip()
    match = _DURATION.fullmatch(text)
    if match is None or len(text) > 40:
        raise Unreadable(f"“{text[:40]}” is no duration")
    try:
        length: timedelta = vDuration.from_ical(text.upper())  # type: ignore[no-untyped-call]
    except (ValueError, OverflowError):
        length = _plain(match)
    if length < timedelta() or length > LONGEST:
        raise Unreadable(f"“{text[:40]}” is no usable duration")
    return length


def nominal_part(text: str) -> timedelta:
    """The weeks and days of a readable duration. They end at the same time of day, hours last as long (RFC 5545, 3.3.6)."""
    match = _DURATION.fullmatch(text.strip())
    return timedelta() if match is None else timedelta(weeks=int(match[2] or 0), days=int(match[3] or 0))


def lasting(start: Time, nominal: timedelta, exact: timedelta) -> timedelta:
    """The time that passes from a start until so many days by the calendar, and then so many hours, are over."""
    return gap(start, start + nominal) + exact


def _plain(match: re.Match[str]) -> timedelta:
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    try:
        length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise Unreadable("the duration is absurd") from None
    return -length if match[1] == "-" else length


def gap(start: Time, end: Time) -> timedelta:
    """From start to end, also when only one of them has a time or a zone."""
    if isinstance(start, datetime) and isinstance(end, datetime):
        if start.tzinfo is None or end.tzinfo is None:
            return end.replace(tzinfo=None) - start.replace(tzinfo=None)
        return end.astimezone(UTC) - start.astimezone(UTC)
    if isinstance(start, datetime):
        return datetime.combine(end, time()) - start.replace(tzinfo=None)
    return (end.date() if isinstance(end, datetime) else end) - start


def read_text(line: Line | None, longest: int) -> str | None:
    """A text without its escapes; None when there is no such property."""
    if line is None:
        return None
    value = line.value
    if (line.parameter("ENCODING") or "").upper() == "QUOTED-PRINTABLE":
        value = quopri.decodestring(value.encode("utf-8", "replace")).decode("utf-8", "replace")
    value = _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)
    value = "".join(character for character in value if character in {"\n", "\t"} or character.isprintable())
    return value.strip()[:longest]


def read_number(line: Line | None) -> int:
    """A whole number, 0 for none (RFC 5545, 3.8.7.4)."""
    text = line.value.strip() if line else ""
    return int(text) if re.fullmatch(r"\d{1,9}", text) else 0


FREQUENCIES = {"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"}
_PARTS = {
    "FREQ", "UNTIL", "COUNT", "INTERVAL", "BYSECOND", "BYMINUTE", "BYHOUR", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO",
    "BYMONTH", "BYSETPOS", "WKST",
}  # fmt: skip


def read_rule(line: Line, start: Time, default: tzinfo | None) -> vRecur:
    """A recurrence rule fit for this start: its end is of the start's kind, and it cannot run away. The calendar's zone is the default."""
    parts: dict[str, str] = {}
    for part in line.value.replace("\\", "").replace(" ", "").split(";"):
        name, equals, value = part.partition("=")
        name = name.strip().upper()
        if equals:
            parts["UNTIL" if name in ("UNTL", "UNITL", "UTIL") else name] = value.strip().rstrip(",")
    frequency = parts.get("FREQ", "").upper()
    if frequency not in FREQUENCIES:
        raise Unreadable(f"a rule of the frequency “{frequency[:20]}” is not followed")
    if parts.get("RSCALE", "GREGORIAN").upper() != "GREGORIAN":
        raise Unreadable(f"a rule of the calendar {parts['RSCALE'][:20]} is not followed")
    interval = parts.get("INTERVAL", "1")
    if not re.fullmatch(r"\+?\d{1,5}", interval) or int(interval) < 1:
        raise Unreadable(f"the interval “{interval[:20]}” is not possible")
    if not re.fullmatch(r"\+?[1-9]\d{0,8}", parts.get("COUNT", "1")):
        del parts["COUNT"]
    until = parts.pop("UNTIL", None)
    kept = ";".join(f"{name}={value.upper()}" for name, value in parts.items() if name in _PARTS and value)
    try:
        rule: vRecur = vRecur.from_ical(kept)
    except Exception:  # noqa: BLE001 - the library raises whatever its value types raise
        raise Unreadable(f"the rule “{line.value[:80]}” cannot be read") from None
    if until:
        rule["UNTIL"] = [_until(until, start, default)]
    return rule


def ends_early(rule: vRecur, start: Time) -> bool:
    """Whether a rule ends before its event begins. Programs that split a series at its first event leave such an empty one behind."""
    return any(gap(start, end) < timedelta() for end in rule.get("UNTIL", ()))


def _until(text: str, start: Time, default: tzinfo | None) -> Any:
    """The end of a rule: a day for days, naive for floating starts, else in UTC.

    A day ends a rule of times with its last second in the event's zone: the end of a rule is inclusive (RFC 5545, 3.3.10).
    """
    zone = start.tzinfo if isinstance(start, datetime) else None
    until = as_its_day(read_until(text, zone), start, default)
    if not isinstance(start, datetime):
        return until.date() if isinstance(until, datetime) else until
    if not isinstance(until, datetime):
        until = datetime.combine(until, time(23, 59, 59), zone)
    if zone is None:
        return until.replace(tzinfo=None)
    return (until if until.tzinfo else until.replace(tzinfo=zone)).astimezone(UTC)


def as_its_day(value: Time, start: Time, default: tzinfo | None) -> Time:
    """Of an exception or end of whole days that is written in UTC: its time in the calendar's zone, which tells the day.

    Midnight of UTC is the day itself: programs that write days as times mean no time of a zone by it.
    """
    if is_day(start) and isinstance(value, datetime) and value.tzinfo is UTC and value.time() != time() and default is not None:
        return value.astimezone(default)
    return value


def read_until(text: str, zone: tzinfo | None) -> Time:
    """Like a time, but beyond the last year it means the last year."""
    if re.match(r"(2[1-9]|[3-9]\d)\d{2}", text.strip()):
        return date(LATEST_YEAR, 12, 31)
    return read_time(text, zone)
