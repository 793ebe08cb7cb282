"""Times as clients gave them, in the notation of RFC 9557: an instant, a wall-clock time, and the zone if one was known.

`2031-05-06T14:00:00+00:00` is an instant, `2031-05-06T14:00:00` a wall-clock time of which nothing more is known (taken as
UTC), `2031-05-06T14:00:00[Europe/Rome]` one of which the zone is known; an instant may name a zone as well. What was
given is kept, so instants follow when the rules of a zone change: a rebuild computes them again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""Between these, adding a day or a zone's offset never leaves what a datetime can hold."""


def moment(given: datetime, zone: str | None) -> str:
    """The notation of a time that was given with an offset or (naive) without."""
    if given.tzinfo is not None:
        given = given.astimezone(UTC)
    return given.isoformat() + (f"[{zone}]" if zone else "")


def split(text: str) -> tuple[datetime, str | None]:
    """The time as given, naive or in UTC, and the zone."""
    bare, _, rest = text.partition("[")
    return datetime.fromisoformat(bare), rest.removesuffix("]") or None


def instant(text: str) -> datetime:
    """The instant in UTC. Of a wall-clock time that happens twice the first; one that is skipped moves past the gap."""
    given, zone = split(text)
    if given.tzinfo is None:
        given = given.replace(tzinfo=known_zone(zone) if zone else UTC)
    return given.astimezone(UTC)


def clock(text: str) -> datetime:
    """What clocks in the moment's zone show then, naive."""
    zone = split(text)[1]
    return instant(text).astimezone(known_zone(zone) if zone else UTC).replace(tzinfo=None)


def is_skipped(text: str) -> bool:
    """Whether it is a wall-clock time that no clock shows, since clocks are put forward over it."""
    given = split(text)[0]
    return given.tzinfo is None and clock(text) != given


def is_repeated(text: str) -> bool:
    """Whether clocks in the moment's zone show its time twice, since they are put back over it."""
    zone = split(text)[1]
    local = clock(text).replace(tzinfo=known_zone(zone) if zone else UTC)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def day(text: str) -> date:
    """The calendar day in the moment's zone."""
    return clock(text).date()


def noon(of: date, zone: str | None) -> str:
    """Midday of a calendar day."""
    return moment(datetime.combine(of, time(12)), zone) if zone else moment(datetime.combine(of, time(12), UTC), None)


def later(text: str, by: timedelta) -> str:
    """The moment that much later: wall-clock times by the clock on the wall, so that whole days keep the hour."""
    given, zone = split(text)
    local = clock(text) + by
    return moment(local if given.tzinfo is None else local.replace(tzinfo=known_zone(zone) if zone else UTC), zone)


def after(text: str, by: timedelta) -> str:
    """The instant that much later, with the moment's zone."""
    return moment(instant(text) + by, split(text)[1])


@lru_cache(maxsize=1024)
def known_zone(name: str) -> ZoneInfo:
    """The zone of this name; UTC for one that the installed zone data no longer knows."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
