"""From the names that calendars give their time zones to zones that can be computed with.

A place of the tz database (Europe/Berlin) wins, then Windows' names, then what the file's own VTIMEZONE says (RFC 5545, 3.2.19),
then the other names of the tz database (EST, GMT), then what the name says about its offset or its city.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from icalendar import Timezone
from icalendar.timezone import tzp
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

_OFFSET = re.compile(r"(?:UTC|GMT|Z)?(?<!\s)\s*+([+\-−])\s*(\d{1,2})(?:[:.]?(\d{2}))?", re.IGNORECASE)
_BAD_OFFSET = re.compile(r"^(TZOFFSET(?:FROM|TO)[^:\r\n]*):\s*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_LOCATION = re.compile(r"^X-LIC-LOCATION[^:\r\n]*:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_NAME = re.compile(r"^TZID[^\r\n]*", re.MULTILINE | re.IGNORECASE)
_OFFSET_TO = re.compile(r"^TZOFFSETTO[^:\r\n]*:\s*([+-]?\d{2})(\d{2})", re.MULTILINE | re.IGNORECASE)

DEFINITION_SECONDS = 10.0
"""How long the definitions of one file may be worked out in all."""
UTC_NAMES = frozenset({"utc", "z", "gmt", "etc/utc", "etc/gmt", "zulu", "universal", "coordinated universal time", "utc/gmt"})


DISPLAY_NAMES = {
    "eastern time": "America/New_York",
    "central time": "America/Chicago",
    "mountain time": "America/Denver",
    "pacific time": "America/Los_Angeles",
    "atlantic time": "America/Halifax",
    "eastern": "America/New_York",
    "central": "America/Chicago",
    "mountain": "America/Denver",
    "pacific": "America/Los_Angeles",
    "india": "Asia/Kolkata",
    "mumbai": "Asia/Kolkata",
    "new delhi": "Asia/Kolkata",
    "beijing": "Asia/Shanghai",
    "osaka": "Asia/Tokyo",
    "canberra": "Australia/Sydney",
    "bern": "Europe/Zurich",
    "edinburgh": "Europe/London",
    "st. petersburg": "Europe/Moscow",
}
"""Cities and zones that appear in the display names of Windows and have no entry of their own in the tz database."""


@lru_cache(maxsize=1)
def _by_lower_name() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() if not name.startswith(("posix/", "right/", "SystemV/"))}


@lru_cache(maxsize=1)
def _by_city() -> dict[str, str]:
    cities: dict[str, str] = {}
    for name in sorted(available_timezones(), key=lambda n: (n.count("/") != 1, n)):
        area, _, city = name.rpartition("/")
        if area and not area.startswith(("posix", "right", "Etc", "SystemV")):
            cities.setdefault(city.replace("_", " ").lower(), name)
    return cities


@lru_cache(maxsize=1)
def _windows() -> dict[str, str]:
    return {name.lower(): zone for name, zone in WINDOWS_TO_OLSON.items()}


class Zones:
    """The zones of one file."""

    def __init__(self, defined: dict[str, str]) -> None:
        self._defined = {_bare(name): text for name, text in defined.items()}
        self._known: dict[str, tzinfo | None] = {}
        self.unknown: dict[str, None] = {}
        """Names that mean nothing; their times are taken as times without a zone."""
        self.simplified: dict[str, None] = {}
        """Names whose definitions were not worked out; their standard offset is taken all year."""
        self._by_rules: dict[str, tzinfo | None] = {}
        self._seconds = 0.0

    def find(self, name: str | None) -> tzinfo | None:
        """The zone of this name; None when there is no name, or none that means anything."""
        bare = _bare(name or "")
        if not bare or bare == "local":
            return None
        if bare not in self._known:
            self._known[bare] = self._resolve(bare)
            if self._known[bare] is None:
                self.unknown[bare[:100]] = None
        return self._known[bare]

    def _resolve(self, name: str) -> tzinfo | None:
        known = UTC if name.lower() in UTC_NAMES else _named(name)
        if known is not None and ("/" in name or name.lower() in _windows()):
            return known
        return self._from_file(name) or known or _from_words(name) or _from_library(name)

    def _from_file(self, name: str) -> tzinfo | None:
        text = self._defined.get(name)
        if text is None:
            return None
        location = _LOCATION.search(text)
        return (_named(_bare(location[1])) if location else None) or self._work_out(name, text)

    def _work_out(self, name: str, text: str) -> tzinfo | None:
        """The zone of a definition. Some programs write the same one under ever new names; each other takes some 30 ms."""
        rules = _NAME.sub("", text)
        if rules in self._by_rules:
            return self._by_rules[rules]
        if self._seconds > DEFINITION_SECONDS:
            self.simplified[name[:100]] = None
            return _fixed(text)
        began = time.process_time()
        self._by_rules[rules] = _from_definition(text)
        self._seconds += time.process_time() - began
        return self._by_rules[rules]


def _bare(name: str) -> str:
    """The name without quotes, escapes and what programs put behind it."""
    name = name.replace("\\", "").strip().strip('"').strip()
    return re.split(r";\s*VALUE=", name, flags=re.IGNORECASE)[0].strip()


def _named(name: str) -> tzinfo | None:
    lower = name.lower().replace(" ", "_") if "/" in name else name.lower()
    found = _by_lower_name().get(lower) or _windows().get(name.lower())
    if found is None and "/" in name:
        # /freeassociation.sourceforge.net/Tzfile/Europe/Berlin, tzone://Microsoft/Utc, /citadel.org/2021/Europe/London
        parts = [part.strip("_") for part in lower.split("/") if part.strip("_")]
        for take in (3, 2, 1):
            tail = "/".join(parts[-take:])
            if tail in UTC_NAMES:
                return UTC
            found = _by_lower_name().get(tail) if take > 1 else None
            if found:
                break
        if found is None:
            found = _by_city().get(parts[-1].replace("_", " ")) if parts else None
    return ZoneInfo(found) if found else None


def _from_words(name: str) -> tzinfo | None:
    """`(UTC+01:00) Amsterdam, Berlin, Bern`: by a city of it, else by its offset."""
    offset = _OFFSET.search(name)
    for city in re.split(r"[,;&/]|\)", name):
        words = re.sub(r"[^\w' .-]", " ", city).strip().lower()
        found = _by_city().get(words) or _windows().get(words) or DISPLAY_NAMES.get(words.split(" us ")[0].strip(" us"))
        if found:
            return ZoneInfo(found)
    if offset and (name[: offset.start()].strip(" (") == "" or offset[0][0].isalpha()):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes < 24 * 60:
            return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    if re.match(r"\(?(UTC|GMT)\)?\b", name, re.IGNORECASE):
        return UTC
    return None


def _from_library(name: str) -> tzinfo | None:
    """What the library makes of the name; it knows further aliases."""
    try:
        zone: tzinfo | None = tzp.timezone(name)
    except Exception:  # noqa: BLE001 - a name it cannot use
        return None
    return zone


def _from_definition(text: str) -> tzinfo | None:
    """A zone from a VTIMEZONE; one of a fixed offset when its rules cannot be used."""
    try:
        component = Timezone.from_ical(_BAD_OFFSET.sub(_possible_offset, text))
        if not isinstance(component, Timezone):
            return _fixed(text)
        zone: tzinfo = component.to_tz(lookup_tzid=False)
        _try_out(zone)
    except Exception:  # noqa: BLE001 - whatever a foreign definition breaks in the libraries, the offset is left
        return _fixed(text)
    else:
        return zone


def _try_out(zone: tzinfo) -> None:
    for year in (1970, 2026, 2090):
        for month in (1, 7):
            offset = datetime(year, month, 1, tzinfo=zone).utcoffset()
            if offset is None or abs(offset) >= timedelta(days=1):
                raise ValueError("no usable offset")


def _fixed(text: str) -> tzinfo | None:
    standard = text.upper().find("BEGIN:STANDARD")
    match = _OFFSET_TO.search(text, max(standard, 0)) or _OFFSET_TO.search(text)
    if match is None:
        return None
    hours, minutes = int(match[1]), int(match[2])
    total = abs(hours) * 60 + minutes
    return timezone(timedelta(minutes=-total if match[1].startswith("-") else total)) if total < 24 * 60 else None


def _possible_offset(match: re.Match[str]) -> str:
    """Offsets with a sign and digits in pairs; what is no offset becomes +0000."""
    found = re.fullmatch(r"([+-]?)(\d{2}):?(\d{2}):?(\d{2})?", match[2].strip())
    if found is None or int(found[2]) >= 24 or int(found[3]) >= 60:
        return f"{match[1]}:+0000"
    return f"{match[1]}:{found[1] or '+'}{found[2]}{found[3]}"
