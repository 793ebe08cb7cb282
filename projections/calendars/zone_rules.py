"""VTIMEZONE (RFC 5545 3.6.5) of a zone of the tz database: its clock changes in the years that matter, and the rule behind them."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

RULED = range(2040, 2068)
"""Years that show the rule without end: every date falls on every day of the week in 28 years."""
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FEBRUARY = 2
STEP = timedelta(days=7)
"""Clock changes that lie closer together than this are not told apart."""

Kind = tuple[timedelta, timedelta, str, bool, int]


class Change(NamedTuple):
    """One change of the clocks: when by the clock before it, and both offsets."""

    at: datetime
    before: timedelta
    after: timedelta
    name: str
    summer: bool

    @property
    def kind(self) -> Kind:
        """What the same change of another year shares with it."""
        return self.before, self.after, self.name, self.summer, self.at.month


class Rule(NamedTuple):
    """A change of every year: its RRULE, and between which days of its month it falls."""

    text: str
    weekday: int
    first_day: int
    last_day: int
    time: time

    def makes(self, at: datetime) -> bool:
        """Whether this change comes from the rule; the month is known to be the same."""
        return at.weekday() == self.weekday and self.first_day <= at.day <= self.last_day and at.time() == self.time


@lru_cache(maxsize=256)
def zone_lines(zone: str, first: int, last: int) -> tuple[str, ...]:
    """The component for moments of these years and, where the zone follows a rule, of all later ones."""
    info = ZoneInfo(zone)
    rules = _rules(_example(zone))
    if rules:
        # What follows a rule for ever is read off these years, also when the moments lie beyond them.
        first = min(first, RULED.start)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{zone}", f"X-LIC-LOCATION:{zone}", *_observance(_beginning(info, first))]
    for kind, found in _by_kind(_changes(info, first, RULED.stop - 1 if rules else last)).items():
        ruled = _ruled(found, rules[kind]) if kind in rules else []
        for change in found[: len(found) - len(ruled)]:
            lines += _observance(change)
        if ruled:
            lines += _observance(ruled[0], f"RRULE:{rules[kind].text}")
    return (*lines, "END:VTIMEZONE")


@lru_cache(maxsize=256)
def goes_on(zone: str) -> bool:
    """Whether the component tells also what clocks show after its last year: the zone follows a rule, or its clocks stay as they are."""
    changes = _example(zone)
    return not changes or bool(_rules(changes))


def _example(zone: str) -> list[Change]:
    return list(_changes(ZoneInfo(zone), RULED.start, RULED.stop - 1))


def _observance(change: Change, *more: str) -> list[str]:
    kind = "DAYLIGHT" if change.summer else "STANDARD"
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{change.at:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_offset(change.before)}",
        f"TZOFFSETTO:{_offset(change.after)}",
        f"TZNAME:{change.name}",
        *more,
        f"END:{kind}",
    ]


def _offset(offset: timedelta) -> str:
    seconds = abs(int(offset.total_seconds()))
    text = f"{'-' if offset < timedelta() else '+'}{seconds // 3600:02}{seconds // 60 % 60:02}"
    return f"{text}{seconds % 60:02}" if seconds % 60 else text


def _by_kind(changes: Iterable[Change]) -> dict[Kind, list[Change]]:
    kinds: dict[Kind, list[Change]] = {}
    for change in changes:
        kinds.setdefault(change.kind, []).append(change)
    return kinds


def _changes(info: ZoneInfo, first: int, last: int) -> Iterator[Change]:
    moment, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    while moment < end:
        later = min(moment + STEP, end)
        if _state(info, moment) != _state(info, later):
            early, late = moment, later
            while late - early > timedelta(seconds=1):
                middle = early + (late - early) // 2
                early, late = (middle, late) if _state(info, middle) == _state(info, moment) else (early, middle)
            yield _change(info, late.replace(microsecond=0))
        moment = later


def _state(info: ZoneInfo, moment: datetime) -> tuple[timedelta | None, str | None]:
    local = moment.astimezone(info)
    return local.utcoffset(), local.tzname()


def _change(info: ZoneInfo, moment: datetime) -> Change:
    before = (moment - timedelta(seconds=1)).astimezone(info).utcoffset() or timedelta()
    local = moment.astimezone(info)
    at = moment.replace(tzinfo=None) + before
    return Change(at, before, local.utcoffset() or timedelta(), local.tzname() or "", bool(local.dst()))


def _beginning(info: ZoneInfo, year: int) -> Change:
    local = datetime(year, 1, 1, tzinfo=UTC).astimezone(info)
    offset = local.utcoffset() or timedelta()
    at = datetime(year - 1, 12, 1)  # noqa: DTZ001 - by the clock on the wall
    return Change(at, offset, offset, local.tzname() or "", bool(local.dst()))


def _rules(changes: list[Change]) -> dict[Kind, Rule]:
    """By kind of change the rule that all of these years follow; none unless every kind has one."""
    rules = {kind: rule for kind, found in _by_kind(changes).items() if (rule := _rule([change.at for change in found])) is not None}
    # Without its counterpart a rule would leave the clocks on one side for ever.
    return rules if len(rules) == len({change.kind for change in changes}) else {}


def _rule(found: list[datetime]) -> Rule | None:
    first, last = min(at.day for at in found), max(at.day for at in found)
    if len(found) != len(RULED) or len({(at.weekday(), at.time()) for at in found}) != 1 or last - first != len(WEEKDAYS) - 1:
        return None
    weekday, month = found[0].weekday(), found[0].month
    if month != FEBRUARY and last == monthrange(RULED.start, month)[1]:
        day = f"BYDAY=-1{WEEKDAYS[weekday]}"
    elif first % len(WEEKDAYS) == 1:
        day = f"BYDAY={first // len(WEEKDAYS) + 1}{WEEKDAYS[weekday]}"
    else:
        day = f"BYDAY={WEEKDAYS[weekday]};BYMONTHDAY={','.join(map(str, range(first, last + 1)))}"
    return Rule(f"FREQ=YEARLY;BYMONTH={month};{day}", weekday, first, last, found[0].time())


def _ruled(changes: list[Change], rule: Rule) -> list[Change]:
    """The latest of these changes that the rule makes, one in each year."""
    ruled: list[Change] = []
    for change in reversed(changes):
        if not rule.makes(change.at) or (ruled and ruled[-1].at.year - change.at.year != 1):
            break
        ruled.append(change)
    return ruled[::-1]
