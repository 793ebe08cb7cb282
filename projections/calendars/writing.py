"""Writes iCalendar (RFC 5545): escaped texts, lines folded at 75 bytes between characters, the same bytes for the same state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from projections.calendars.zone_rules import goes_on, zone_lines

WRITER = 3
"""Raised when the same state is written otherwise, so that programs fetch it again."""
FOLD_AT = 75
PRODUCT = "-//Notechondria//Planner//EN"
REFRESH = "PT1H"
FIRST_YEAR = 1970
"""From then on clock changes are told; times before are UTC."""
LAST_YEAR = 2100
"""Until then clock changes of zones without a rule are listed; later times there are UTC."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def written_calendar(name: str, zone: str | None, entries: Iterable[dict[str, Any]], account_id: int) -> bytes:
    """A calendar of plans and sittings. With a zone its times are local times of that zone where those say it all, else UTC."""
    rows = [(entry, _second(entry["starts_at"]), _second(entry["ends_at"])) for entry in entries]
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escaped(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
    ]
    info = ZoneInfo(zone) if zone else None
    if zone:
        lines.append(f"X-WR-TIMEZONE:{zone}")
        years = [moment.year for _, start, end in rows for moment in (start, end)] or [datetime.now(UTC).year]
        lines += zone_lines(zone, min(max(min(years) - 1, FIRST_YEAR), LAST_YEAR), min(max(years) + 1, LAST_YEAR))
    for entry, start, end in rows:
        told = info if info and _is_told(start, info) and _is_told(end, info) else None
        lines += [
            "BEGIN:VEVENT",
            f"UID:{entry['kind']}-{entry['id']}-{account_id}@notechondria",
            f"DTSTAMP:{_utc(datetime.fromisoformat(entry['last_edit']))}",
            f"CREATED:{_utc(datetime.fromisoformat(entry['created_at']))}",
            f"LAST-MODIFIED:{_utc(datetime.fromisoformat(entry['last_edit']))}",
            f"SEQUENCE:{entry['mark'] - 1}",
            f"DTSTART{_time(start, told)}",
            # An end has to be later than the start (RFC 5545, 3.8.2.2).
            *([f"DTEND{_time(end, told)}"] if end > start else []),
            f"SUMMARY:{escaped(entry['title'])}",
        ]
        if entry["description"]:
            lines.append(f"DESCRIPTION:{escaped(entry['description'])}")
        lines += [f"CATEGORIES:{'PLAN' if entry['kind'] == 'planner-event' else 'NOTE SESSION'}", "TRANSP:OPAQUE", "END:VEVENT"]
    lines.append("END:VCALENDAR")
    return b"".join(folded(line) for line in lines)


def escaped(text: str) -> str:
    """A text value: nothing in it can end the line or begin another property."""
    text = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    text = text.replace("\r\n", "\\n").replace("\r", "\\n").replace("\n", "\\n")
    return _UNPRINTABLE.sub("", text)


def folded(line: str) -> bytes:
    """The line in UTF-8 with its CRLF, folded so that no line is longer than 75 bytes and no character is torn."""
    return b"\r\n ".join(_pieces(line.encode("utf-8", "replace"))) + b"\r\n"


def _pieces(data: bytes) -> Iterator[bytes]:
    room = FOLD_AT
    while len(data) > room:
        cut = room
        while data[cut] & 0xC0 == 0x80:
            cut -= 1
        yield data[:cut]
        data, room = data[cut:], FOLD_AT - 1
    yield data


def _second(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(microsecond=0)


def _utc(moment: datetime) -> str:
    return _digits(moment.astimezone(UTC)) + "Z"


def _is_told(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether the local time says it all: what clocks show for the second time is read as the first (RFC 5545, 3.3.5)."""
    if moment.year < FIRST_YEAR or (moment.year > LAST_YEAR and not goes_on(zone.key)):
        return False
    return moment.astimezone(zone).fold == 0


def _time(moment: datetime, zone: ZoneInfo | None) -> str:
    if zone is None:
        return ":" + _utc(moment)
    return f";TZID={zone.key}:{_digits(moment.astimezone(zone))}"


def _digits(moment: datetime) -> str:
    """Strftime writes years before 1000 with fewer than four digits."""
    return moment.replace(tzinfo=None).isoformat(timespec="seconds").replace("-", "").replace(":", "")
