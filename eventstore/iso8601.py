"""Reads days and times in the notations that clients write (ISO 8601, one digit of month, day or hour is enough)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
TIME = re.compile(r"[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,12}))?)?\s*(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?")


def read_instant(text: str) -> datetime | None:
    """The instant that the text names, in UTC; None when it names none."""
    given = read_time(text)
    return given if given is None or given.tzinfo is not None else given.replace(tzinfo=UTC)


def read_time(text: str) -> datetime | None:
    """The time that the text names: in UTC when it has an offset, naive when it has none; None when it names none."""
    day = DATE.match(text)
    if day is None:
        return None
    rest = text[day.end() :]
    try:
        year, month, number = map(int, day.groups())
        if not rest:
            return datetime(year, month, number)  # noqa: DTZ001 - no offset was given
        time = TIME.fullmatch(rest)
        if time is None:
            return None
        hour, minute, second, fraction, zone = time.groups()
        micro = int((fraction or "0")[:6].ljust(6, "0"))
        offset = _offset(zone) if zone else None
        local = datetime(year, month, number, int(hour), int(minute), int(second or 0), micro, offset)
        return local.astimezone(UTC) if offset else local
    except (ValueError, OverflowError):
        return None


def _offset(zone: str) -> timezone:
    if zone in "Zz":
        return UTC
    minutes = int(zone[1:3]) * 60 + int(zone[3:].lstrip(":") or 0)
    return timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))


def without_zone(moment: str) -> str:
    """A time in UTC without its sign, which is Z in some answers and +00:00 in others."""
    return moment.removesuffix("+00:00").removesuffix("Z")
