"""From bytes to components: decoding, unfolding, nesting. Whatever is broken costs its own line or component only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TEXTS = frozenset({"SUMMARY", "DESCRIPTION", "LOCATION"})
TIMES = frozenset({"DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE"})
NEEDED = TEXTS | TIMES | frozenset({"UID", "SEQUENCE", "LAST-MODIFIED", "DTSTAMP", "CREATED", "DURATION", "STATUS", "RRULE", "EXRULE"})
"""Properties of events that are looked at; the rest (attachments, attendees, alarms) is never kept in memory."""

OF_CALENDAR = frozenset({"METHOD", "X-WR-CALNAME", "NAME", "X-WR-TIMEZONE", "REFRESH-INTERVAL", "X-PUBLISHED-TTL"})
LONGEST_VALUE = 65_536
"""Characters of one property value that are kept."""
MOST_VALUES = 5_000
"""Lines of one property (EXDATE, RDATE) in one event."""

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_WIDE_BEGIN = re.compile(rb"B\0E\0G\0I\0N\0:", re.IGNORECASE)
_TORN = re.compile(rb"([\xc2-\xf4][\x80-\xbf]{0,2})((?:\r\n|\n|\r)[ \t]?)([\x80-\xbf]{1,3})")
_OF_UTF8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_TORN_NAME = re.compile(r"^([A-Za-z0-9-]{1,74})\r?\n[ \t]", re.MULTILINE)
_INDENTED = re.compile(r"^[ \t]+BEGIN:VEVENT[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
_BEFORE_TIME = re.compile(r":(?=\s*\d{4}-?\d{2}-?\d{2})")
_LINE_END = re.compile(r"\r\n|\n|\r")
_PROPERTY = re.compile(r"[A-Za-z0-9_-]+(?=[;:])")


@dataclass(slots=True)
class Line:
    """One property: its parameters as they are written, and its raw value."""

    number: int
    parameters: str
    value: str

    def parameter(self, name: str) -> str | None:
        """The value of a parameter, without quotes; None when it is not there."""
        if name not in self.parameters.upper():
            return None
        for key, value in _parameters(self.parameters):
            if key == name:
                return value
        return None


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r';\s*([A-Za-z0-9-]+)\s*=\s*("[^"]*"?|[^;]*)', text):
        yield match[1].upper(), match[2].strip().strip('"').strip()


@dataclass(slots=True)
class Calendar:
    """What a VCALENDAR says about all of its events."""

    properties: dict[str, Line] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A property's raw value, empty when it is not there."""
        line = self.properties.get(name)
        return line.value.strip() if line else ""


@dataclass(slots=True)
class Component:
    """A VEVENT: its properties by name, in the order in which they came."""

    number: int
    """Line on which it begins."""
    calendar: Calendar
    properties: dict[str, list[Line]] = field(default_factory=dict)

    def first(self, name: str) -> Line | None:
        """The first property of this name."""
        lines = self.properties.get(name)
        return lines[0] if lines else None

    def last(self, name: str) -> Line | None:
        """The last property of this name: a repeated one replaces the earlier."""
        lines = self.properties.get(name)
        return lines[-1] if lines else None


@dataclass(slots=True)
class Contents:
    """What was found in a text."""

    calendars: list[Calendar] = field(default_factory=list)
    events: list[Component] = field(default_factory=list)
    zones: dict[str, str] = field(default_factory=dict)
    """TZID -> text of the VTIMEZONE, the first of each id."""
    cut_off: bool = False
    """The last calendar does not end, so that nobody can say whether all of it is there."""


def decode(data: bytes) -> str:
    """The text of a calendar, whatever its encoding: a byte order mark tells, else UTF-16, UTF-8 or Windows-1252 by what is seen."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding, "replace")
            break
    else:
        text = _unmarked(data)
    return text.replace("\0", "").lstrip("\ufeff")


def tells_encoding(data: bytes) -> bool:
    """Whether the bytes show by themselves that they are UTF-8, UTF-16 or UTF-32; characters torn by the folding do not hide it."""
    if any(data.startswith(mark) for mark, _ in _MARKS) or _WIDE_BEGIN.search(data, 0, LONGEST_VALUE):
        return True
    try:
        _TORN.sub(rb"\1\3\2", data).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _unmarked(data: bytes) -> str:
    wide = _WIDE_BEGIN.search(data, 0, LONGEST_VALUE)
    if wide is not None:
        # The zero byte stands in front of its letter or behind it, and letters begin at even places.
        return data.decode("utf-16-be" if wide.start() % 2 else "utf-16-le", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _mixed(data)


def _mixed(data: bytes) -> str:
    """Line by line, so that a broken line leaves the others whole.

    A character that was cut in two by the folding is put together first. Then a line that is no UTF-8 is Windows-1252,
    unless it has characters of UTF-8 as well: of such a one only the broken bytes are lost.
    """
    lines = []
    for line in _TORN.sub(rb"\1\3\2", data).splitlines(keepends=True):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            lines.append(line.decode("utf-8" if _OF_UTF8.search(line) else "cp1252", "replace"))
    return "".join(lines)


def unfolded(text: str) -> Iterator[tuple[int, str]]:
    """The logical lines with the numbers of the lines on which they begin.

    A line that begins with white space continues the one before; inside a text so does one that cannot begin a
    property, since some programs break long texts without the white space. In a text whose components are indented,
    as pasted ones are, white space before a property means nothing.
    """
    indented = _INDENTED.search(text) is not None
    start = 0
    parts: list[str] = []
    in_text = False
    for number, physical in enumerate(_LINE_END.split(_TORN_NAME.sub(r"\n\1", text)), 1):
        if parts and physical[:1] in {" ", "\t"} and not (indented and _PROPERTY.match(physical.lstrip())):
            parts.append(physical[1:])
            continue
        match = _PROPERTY.match(physical.lstrip())
        if match is not None:
            if parts:
                yield start, "".join(parts)
            parts, start, in_text = [physical], number, match[0].upper() in TEXTS
        elif in_text and physical:
            parts.append(physical)
    if parts:
        yield start, "".join(parts)


class _Sorting:
    """Where each line belongs. Nesting that does not add up is closed where it has to be."""

    def __init__(self) -> None:
        self.contents = Contents()
        self.calendar = Calendar()
        self.event: Component | None = None
        self.zone: list[str] | None = None
        self.zone_id = ""
        self.inside: list[str] = []
        """Components inside the present one: alarms of events, rules of time zones."""

    def take(self, number: int, name: str, line: str) -> None:
        """Puts a line in its place."""
        if name == "BEGIN":
            self._begin(number, line)
        elif name == "END":
            self._end(line)
        elif self.zone is not None:
            if len(line) <= LONGEST_VALUE and (not name.startswith("X-") or name == "X-LIC-LOCATION"):
                self.zone.append(line)
                if name == "TZID" and not self.inside:
                    self.zone_id = line.partition(":")[2].strip()
        elif not self.inside:
            self._property(number, name, line)

    def close(self) -> None:
        """Ends the present event or time zone."""
        if self.event is not None and self.event.properties:
            self.contents.events.append(self.event)
        if self.zone is not None and self.zone_id:
            text = "\r\n".join([*self.zone, "END:VTIMEZONE", ""])
            self.contents.zones.setdefault(self.zone_id.strip('"'), text)
        self.event, self.zone, self.zone_id, self.inside = None, None, "", []

    def _begin(self, number: int, line: str) -> None:
        kind = line.partition(":")[2].strip().upper()
        if kind in OUTERMOST:
            # These never lie inside each other: whatever is open was not closed.
            self.close()
        if kind == "VCALENDAR":
            self.contents.cut_off = True
            self.calendar = Calendar()
            self.contents.calendars.append(self.calendar)
        elif kind == "VEVENT":
            self.event = Component(number, self.calendar)
        elif kind == "VTIMEZONE":
            self.zone = [line]
        else:
            self.inside.append(kind)
            if self.zone is not None:
                self.zone.append(line)

    def _end(self, line: str) -> None:
        kind = line.partition(":")[2].strip().upper()
        if kind in self.inside:
            del self.inside[self.inside.index(kind) :]
            if self.zone is not None:
                self.zone.append(line)
        elif kind in OUTERMOST:
            if kind == "VCALENDAR":
                self.contents.cut_off = False
            self.close()

    def _property(self, number: int, name: str, line: str) -> None:
        if self.event is None:
            if name in OF_CALENDAR:
                self.calendar.properties.setdefault(name, _property(number, name, line))
        elif name in NEEDED:
            lines = self.event.properties.setdefault(name, [])
            if len(lines) < MOST_VALUES:
                lines.append(_property(number, name, line))


OUTERMOST = frozenset({"VCALENDAR", "VEVENT", "VTIMEZONE", "VTODO", "VJOURNAL", "VFREEBUSY"})


def split(text: str) -> Contents:
    """Sorts the lines into calendars, events and time zones."""
    sorting = _Sorting()
    for number, line in unfolded(text):
        bare = line.lstrip()
        match = _PROPERTY.match(bare)
        if match is not None:
            sorting.take(number, match[0].upper(), bare)
    sorting.close()
    return sorting.contents


def _property(number: int, name: str, line: str) -> Line:
    """Parameters end at the first colon outside quotes.

    Before a time they end at the colon that the time follows: names of zones are written with colons and without quotes.
    """
    rest = line[len(name) :]
    if name in TIMES and (match := _BEFORE_TIME.search(rest)):
        return Line(number, rest[: match.start()], rest[match.start() + 1 : match.start() + 1 + LONGEST_VALUE])
    if rest.startswith(":"):
        return Line(number, "", rest[1 : LONGEST_VALUE + 1])
    at, quoted = -1, False
    for index, character in enumerate(rest[:LONGEST_VALUE]):
        if character == '"':
            quoted = not quoted
        elif character == ":" and not quoted:
            at = index
            break
    if at < 0:
        at = rest.find(":")
    if at < 0:
        return Line(number, "", "")
    return Line(number, rest[:at], rest[at + 1 : at + 1 + LONGEST_VALUE])
