"""Hard calendars: what programs of the world write, and what somebody who reads RFC 5545 by hand finds in it.

Each has a name, its bytes, and the occurrences of 2031 as `title start/end` in UTC; floating ones end in `~`, whole days in `*`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hard:
    """One calendar."""

    name: str
    data: bytes
    expected: list[str]
    rejected: int = 0


def vevent(title: str, *lines: str) -> str:
    """An event of these lines."""
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{title}", f"SUMMARY:{title}", *lines, "END:VEVENT", ""])


def calendar(*parts: str, head: str = "") -> str:
    """A calendar of these components."""
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n{head}" + "".join(parts) + "END:VCALENDAR\r\n"


def crlf(text: str) -> str:
    """The same with line ends of RFC 5545."""
    return text.strip("\n").replace("\n", "\r\n") + "\r\n"


def _torn(text: str, at: int, fold: bytes = b"\r\n ") -> bytes:
    """Every long line folded after so many bytes, in the middle of characters where it comes so."""
    lines = []
    for line in text.encode().split(b"\r\n"):
        pieces = [line[start : start + at] for start in range(0, len(line), at)] or [b""]
        lines.append(fold.join(pieces))
    return b"\r\n".join(lines)


LONG = "Größe日本語の長い題名テスト🎓🎓 und noch viel mehr Übermäßiges 漢字漢字漢字漢字漢字漢字漢字 Ende"
ONE = calendar(vevent("Lecture", "DTSTART:20310506T140000Z"))
LONG_ONE = calendar(vevent(LONG, "DTSTART:20310506T140000Z"))
AT_14 = "05-06 14:00/05-06 15:00"

ENCODINGS = [
    *(Hard(f"UTF-8 folded in mid-character after {at} bytes", _torn(LONG_ONE, at), [f"{LONG} {AT_14}"]) for at in range(30, 76, 3)),
    Hard("UTF-8 torn by bare LF and a tab", _torn(LONG_ONE, 40, b"\n\t"), [f"{LONG} {AT_14}"]),
    Hard("UTF-8 torn without white space", _torn(LONG_ONE, 73, b"\r\n"), [f"{LONG} {AT_14}"]),
    Hard("UTF-16 little endian without a mark", LONG_ONE.encode("utf-16-le"), [f"{LONG} {AT_14}"]),
    Hard("UTF-16 big endian without a mark", LONG_ONE.encode("utf-16-be"), [f"{LONG} {AT_14}"]),
    Hard("UTF-16 behind an empty line", ("\r\n" + LONG_ONE).encode("utf-16-le"), [f"{LONG} {AT_14}"]),
    Hard("UTF-16 with its mark", LONG_ONE.encode("utf-16"), [f"{LONG} {AT_14}"]),
    Hard("UTF-32 with its mark", LONG_ONE.encode("utf-32"), [f"{LONG} {AT_14}"]),
    Hard("Windows-1252", calendar(vevent("Grüße – „ja“ €", "DTSTART:20310506T140000Z")).encode("cp1252"), [f"Grüße – „ja“ € {AT_14}"]),
    Hard(
        "one line of Latin-1 among UTF-8",
        LONG_ONE.encode().replace(b"END:VCAL", vevent("Über", "DTSTART:20310507T140000Z").encode("latin-1") + b"END:VCAL"),
        [f"{LONG} {AT_14}", "Über 05-07 14:00/05-07 15:00"],
    ),
    Hard("a text cut in mid-character by its program", LONG_ONE.encode().replace(b" Ende", b" \xe6\x97"), [f"{LONG[:-5]} \ufffd {AT_14}"]),
    Hard("lone CR", ONE.replace("\r\n", "\r").encode(), [f"Lecture {AT_14}"]),
    Hard("CR CR LF", ONE.replace("\r\n", "\r\r\n").encode(), [f"Lecture {AT_14}"]),
    Hard("zero bytes", ONE.replace("SUMM", "SU\0MM").encode() + b"\0\0\0", [f"Lecture {AT_14}"]),
    Hard("indented, as it was pasted", "\n".join("        " + line for line in ONE.splitlines()).encode(), [f"Lecture {AT_14}"]),
    Hard(
        "indented by depth",
        ONE.replace("\r\nBEGIN:VE", "\n  BEGIN:VE")
        .replace("\r\nUID", "\n    UID")
        .replace("\r\nSUMM", "\n    SUMM")
        .replace("\r\nDTS", "\n\tDTS")
        .replace("\r\nEND:VE", "\n  END:VE")
        .encode(),
        [f"Lecture {AT_14}"],
    ),
    Hard("tabs fold", ONE.replace("Lecture", "Lec\r\n\tture").encode(), [f"Lecture {AT_14}"]),
    Hard("several calendars", (ONE + ONE.replace("Lecture", "Other")).encode(), [f"Lecture {AT_14}", f"Other {AT_14}"]),
    Hard("a folded name of a property", ONE.replace("DTSTART", "DTS\r\n TART").encode(), [f"Lecture {AT_14}"]),
]


def one(name: str, *lines: str, expected: list[str], head: str = "", rejected: int = 0) -> Hard:
    """A calendar of one event E."""
    return Hard(name, calendar(vevent("E", *lines), head=head.replace("\n", "\r\n")).encode(), expected, rejected)


def group(name: str, *events: str, expected: list[str], head: str = "", rejected: int = 0) -> Hard:
    """A calendar of events given as lines without BEGIN and END."""
    parts = ["BEGIN:VEVENT\r\n" + crlf(event) + "END:VEVENT\r\n" for event in events]
    return Hard(name, calendar(*parts, head=head.replace("\n", "\r\n")).encode(), expected, rejected)


NY, BERLIN = ";TZID=America/New_York", ";TZID=Europe/Berlin"

TIMES = [
    one(
        "a night in which the clocks go forward",
        f"DTSTART{NY}:20310308T220000",
        f"DTEND{NY}:20310309T060000",
        expected=["E 03-09 03:00/03-09 10:00"],
    ),
    one(
        "a shift every Saturday, first in such a night",
        f"DTSTART{NY}:20310308T220000",
        f"DTEND{NY}:20310309T060000",
        "RRULE:FREQ=WEEKLY;COUNT=2",
        expected=["E 03-09 03:00/03-09 10:00", "E 03-16 02:00/03-16 10:00"],
    ),
    one(
        "a shift every Saturday, later in such a night",
        f"DTSTART{NY}:20310301T220000",
        f"DTEND{NY}:20310302T060000",
        "RRULE:FREQ=WEEKLY;COUNT=2",
        expected=["E 03-02 03:00/03-02 11:00", "E 03-09 03:00/03-09 10:00"],
    ),
    one(
        "eight hours are eight hours",
        f"DTSTART{NY}:20310301T220000",
        "DURATION:PT8H",
        "RRULE:FREQ=WEEKLY;COUNT=2",
        expected=["E 03-02 03:00/03-02 11:00", "E 03-09 03:00/03-09 11:00"],
    ),
    one("an hour that comes twice", f"DTSTART{NY}:20311102T013000", expected=["E 11-02 05:30/11-02 06:30"]),
    one("an hour that does not come", f"DTSTART{NY}:20310309T023000", expected=["E 03-09 07:30/03-09 08:30"]),
    one("end as a day", "DTSTART:20310506T140000Z", "DTEND;VALUE=DATE:20310507", expected=["E 05-06 14:00/05-07 00:00"]),
    one("end as the same day", "DTSTART:20310506T140000Z", "DTEND;VALUE=DATE:20310506", expected=["E 05-06 14:00/05-06 15:00"]),
    one(
        "end as a day with a time", "DTSTART:20310506T140000Z", "DTEND;VALUE=DATE:20310506T160000Z", expected=["E 05-06 14:00/05-06 16:00"]
    ),
    one("end in another zone", f"DTSTART{BERLIN}:20310506T140000", f"DTEND{NY}:20310506T100000", expected=["E 05-06 12:00/05-06 14:00"]),
    one(
        "days with a time behind",
        "DTSTART;VALUE=DATE:20310506T000000Z",
        "DTEND;VALUE=DATE:20310508T000000Z",
        expected=["E 05-06 00:00/05-08 00:00~*"],
    ),
    one(
        "X-parameters before the value", 'DTSTART;X-A="b:c;d";TZID="Europe/Berlin":20310506T140000', expected=["E 05-06 12:00/05-06 13:00"]
    ),
    one("quotes that do not end", 'DTSTART;TZID="Europe/Berlin:20310506T140000', expected=["E 05-06 12:00/05-06 13:00"]),
    one("weeks", "DTSTART:20310506T140000Z", "DURATION:P2W", expected=["E 05-06 14:00/05-20 14:00"]),
    one("year 292277", "DTSTART:2922770101T000000Z", expected=[], rejected=1),
    one("end in year 9999", "DTSTART:20310506T140000Z", "DTEND:99991231T235959Z", expected=["E 05-06 14:00/05-06 15:00"], rejected=1),
    one(
        "a birthday without a year, as Apple writes it",
        "DTSTART;VALUE=DATE:16040229",
        "DTEND;VALUE=DATE:16040301",
        "RRULE:FREQ=YEARLY",
        expected=[],
    ),
    one("a birthday of 1604", "DTSTART;VALUE=DATE:16040506", "RRULE:FREQ=YEARLY;INTERVAL=1", expected=["E 05-06 00:00/05-07 00:00~*"]),
    one(
        "a zone of the calendar and floating days",
        "DTSTART;VALUE=DATE:20310506",
        head="X-WR-TIMEZONE:Asia/Tokyo\n",
        expected=["E 05-06 00:00/05-07 00:00~*"],
    ),
    one(
        "Exchange's whole day",
        'DTSTART;TZID="W. Europe Standard Time":20310506T000000',
        'DTEND;TZID="W. Europe Standard Time":20310507T000000',
        "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE",
        expected=["E 05-05 22:00/05-06 22:00"],
    ),
    one(
        "Google's zone with its own definition twice",
        f"DTSTART{BERLIN}:20310706T140000",
        head=(
            "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0100\nDTSTART:19700101T000000\n"
            "END:STANDARD\nEND:VTIMEZONE\n"
        )
        * 2,
        expected=["E 07-06 12:00/07-06 13:00"],
    ),
    one(
        "a definition inside another",
        "DTSTART;TZID=In:20310706T140000",
        head=(
            "BEGIN:VTIMEZONE\nTZID:Out\nBEGIN:VTIMEZONE\nTZID:In\nBEGIN:STANDARD\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0300\nDTSTART:19700101T000000\n"
            "END:STANDARD\nEND:VTIMEZONE\nEND:VTIMEZONE\n"
        ),
        expected=["E 07-06 11:00/07-06 12:00"],
    ),
    one(
        "Canvas: due at one minute to midnight",
        "DTSTAMP:20310101T000000Z",
        "DTSTART:20310507T045959Z",
        "DTEND:20310507T045959Z",
        "CLASS:PUBLIC",
        "URL:https://canvas.example/calendar?x=1:2",
        expected=["E 05-07 04:59/05-07 04:59"],
    ),
    one(
        "Moodle: a moment",
        "CATEGORIES:A;B",
        "LAST-MODIFIED:20310101T000000Z",
        "DTSTART:20310506T140000Z",
        "DTEND:20310506T140000Z",
        expected=["E 05-06 14:00/05-06 14:00"],
    ),
]

MONDAYS = f"UID:s\nSUMMARY:S\nDTSTART{BERLIN}:20310505T100000\nDTEND{BERLIN}:20310505T110000\nRRULE:FREQ=WEEKLY;COUNT=4"
S = ["S 05-05 08:00/05-05 09:00", "S 05-12 08:00/05-12 09:00", "S 05-19 08:00/05-19 09:00", "S 05-26 08:00/05-26 09:00"]
DAYS = "UID:d\nSUMMARY:D\nDTSTART;VALUE=DATE:20310505\nRRULE:FREQ=DAILY;COUNT=3"
D = ["D 05-05 00:00/05-06 00:00~*", "D 05-06 00:00/05-07 00:00~*", "D 05-07 00:00/05-08 00:00~*"]
FIRST = "E 05-05 09:00/05-05 10:00"

SERIES = [
    group("COUNT counts what is excluded", MONDAYS + f"\nEXDATE{BERLIN}:20310512T100000", expected=[S[0], S[2], S[3]]),
    group(
        "excluded in a zone that has no definition",
        MONDAYS + "\nEXDATE;TZID=W. Europe Standard Time:20310512T100000",
        expected=[S[0], S[2], S[3]],
    ),
    group(
        "excluded as days on several lines", MONDAYS + "\nEXDATE;VALUE=DATE:20310512\nEXDATE;VALUE=DATE:20310519,20310526", expected=[S[0]]
    ),
    group("the first one excluded", MONDAYS + f"\nEXDATE{BERLIN}:20310505T100000", expected=S[1:]),
    group("all excluded", DAYS + "\nEXDATE;VALUE=DATE:20310505,20310506,20310507", expected=[]),
    group(
        "days excluded by their instant", DAYS + "\nEXDATE:20310505T220000Z", head="X-WR-TIMEZONE:Europe/Berlin\n", expected=[D[0], D[2]]
    ),
    group(
        "days excluded by midnight of UTC",
        DAYS + "\nEXDATE:20310506T000000Z",
        head="X-WR-TIMEZONE:America/New_York\n",
        expected=[D[0], D[2]],
    ),
    group(
        "days replaced by their instant",
        DAYS,
        "UID:d\nSUMMARY:M\nRECURRENCE-ID:20310505T220000Z\nDTSTART;VALUE=DATE:20310601",
        head="X-WR-TIMEZONE:Europe/Berlin\n",
        expected=[D[0], D[2], "M 06-01 00:00/06-02 00:00~*"],
    ),
    group(
        "periods of whole days",
        "UID:d\nSUMMARY:D\nDTSTART;VALUE=DATE:20310505\nRDATE;VALUE=PERIOD:20310601/P3D,20310610/20310612",
        expected=[D[0], "D 06-01 00:00/06-04 00:00~*", "D 06-10 00:00/06-12 00:00~*"],
    ),
    group(
        "a period that is a rule's day", DAYS + "\nRDATE;VALUE=PERIOD:20310506/P2D", expected=[D[0], "D 05-06 00:00/05-08 00:00~*", D[2]]
    ),
    group(
        "a period with a zone",
        f"UID:p\nSUMMARY:P\nDTSTART{BERLIN}:20310505T100000\nDURATION:PT30M\nRDATE;VALUE=PERIOD;TZID=Europe/Berlin:20310601T100000/PT2H",
        expected=["P 05-05 08:00/05-05 08:30", "P 06-01 08:00/06-01 10:00"],
    ),
    group(
        "one occurrence made whole-day",
        MONDAYS,
        "UID:s\nSUMMARY:W\nRECURRENCE-ID;TZID=Europe/Berlin:20310512T100000\nDTSTART;VALUE=DATE:20310513",
        expected=[S[0], "W 05-13 00:00/05-14 00:00~*", S[2], S[3]],
    ),
    group(
        "one occurrence moved to another year",
        MONDAYS,
        "UID:s\nSUMMARY:M\nRECURRENCE-ID:20310512T080000Z\nDTSTART:20320105T080000Z",
        expected=[S[0], S[2], S[3]],
    ),
    group(
        "this and all later, moved by an hour",
        MONDAYS,
        "UID:s\nSUMMARY:L\nRECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20310519T100000\nDTSTART;TZID=Europe/Berlin:20310519T110000\nDTEND;TZID=Europe/Berlin:20310519T123000",
        expected=[S[0], S[1], "L 05-19 09:00/05-19 10:30", "L 05-26 09:00/05-26 10:30"],
    ),
    group("the same twice", MONDAYS, MONDAYS, expected=S),
    group(
        "a lower revision behind the higher",
        MONDAYS + "\nSEQUENCE:2",
        MONDAYS.replace("T10", "T12").replace("T11", "T13") + "\nSEQUENCE:1",
        expected=S,
    ),
    group(
        "cancelled at the same revision",
        "UID:c\nSUMMARY:C\nSTATUS:CANCELLED\nDTSTART:20310506T140000Z",
        "UID:c\nSUMMARY:C\nDTSTART:20310506T140000Z",
        expected=[],
    ),
    group(
        "timetables that give every lecture one UID",
        *(f"UID:t\nSUMMARY:T\nDTSTART:2031050{day}T140000Z" for day in (5, 6, 7)),
        expected=[f"T 05-0{day} 14:00/05-0{day} 15:00" for day in (5, 6, 7)],
    ),
    group("until a local time", f"UID:u\nSUMMARY:E\nDTSTART{NY}:20310505T050000\nRRULE:FREQ=DAILY;UNTIL=20310505T050000", expected=[FIRST]),
    group("until a day, of days", "UID:u\nSUMMARY:D\nDTSTART;VALUE=DATE:20310505\nRRULE:FREQ=DAILY;UNTIL=20310507", expected=D),
    group(
        "until before the first",
        "UID:u\nSUMMARY:E\nDTSTART:20310505T090000Z\nRRULE:FREQ=DAILY;UNTIL=20310504T000000Z",
        expected=[],
        rejected=1,
    ),
    group("every second", "UID:u\nSUMMARY:E\nDTSTART:20310505T090000Z\nRRULE:FREQ=SECONDLY", expected=[FIRST], rejected=1),
    group("a thousand million times", "UID:u\nSUMMARY:E\nDTSTART:20310505T090000Z\nRRULE:FREQ=YEARLY;COUNT=1000000000", expected=[FIRST]),
    group(
        "last working day",
        "UID:u\nSUMMARY:E\nDTSTART:20311031T090000Z\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2",
        expected=["E 10-31 09:00/10-31 10:00", "E 11-28 09:00/11-28 10:00"],
    ),
    group(
        "two rules",
        "UID:u\nSUMMARY:E\nDTSTART:20310505T090000Z\nRRULE:FREQ=DAILY;COUNT=2\nRRULE:FREQ=WEEKLY;COUNT=2",
        expected=[FIRST, "E 05-06 09:00/05-06 10:00", "E 05-12 09:00/05-12 10:00"],
    ),
    group(
        "an extra day of a floating one",
        "UID:u\nSUMMARY:E\nDTSTART:20310505T090000\nRDATE:20310601T090000",
        expected=[f"{FIRST}~", "E 06-01 09:00/06-01 10:00~"],
    ),
    group("without DTSTAMP and UID", "SUMMARY:E\nDTSTART:20310505T090000Z", expected=[FIRST]),
    group("a rule of vCalendar 1.0", "UID:u\nSUMMARY:E\nDTSTART:20310505T090000Z\nRRULE:D1 #3", expected=[FIRST], rejected=1),
    group(
        "bad beside good",
        "UID:b\nSUMMARY:B\nDTSTART:99999999T999999Z",
        "UID:e\nSUMMARY:E\nDTSTART:20310505T090000Z",
        expected=[FIRST],
        rejected=1,
    ),
]

OTHERS = "".join(
    f"BEGIN:{kind}\r\nUID:{kind}\r\nSUMMARY:{kind}\r\nDTSTART:20310506T140000Z\r\nEND:{kind}\r\n"
    for kind in ("VTODO", "VJOURNAL", "VFREEBUSY", "X-THING")
)
MIXED = [
    Hard("tasks, journals and what else there is", ONE.replace("END:VCAL", OTHERS + "END:VCAL").encode(), [f"Lecture {AT_14}"]),
    Hard(
        "an alarm without an end",
        ONE.replace("DTSTART", "BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nDTSTART").encode(),
        [f"Lecture {AT_14}"],
    ),
    Hard("cut off in an alarm", ONE.partition("END:VEVENT")[0].encode() + b"BEGIN:VALARM\r\nSUMMARY:no", [f"Lecture {AT_14}"], rejected=1),
    Hard(
        "a cancellation in a second calendar",
        (ONE + calendar(vevent("Lecture", "SEQUENCE:1", "DTSTART:20310506T140000Z"), head="METHOD:CANCEL\r\n")).encode(),
        [],
    ),
    Hard("a long line", ONE.replace("DTSTART", "DESCRIPTION:" + "x" * 3_000_000 + "\r\nDTSTART").encode(), [f"Lecture {AT_14}"]),
]

HARD = [*ENCODINGS, *TIMES, *SERIES, *MIXED]
