"""Reading iCalendar as the world writes it: times, lines, limits."""

from __future__ import annotations

import dataclasses
import time
from contextlib import suppress
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactors.icalendar.apart import ReadingFailed, read_apart
from reactors.icalendar.reading import read_calendar
from reactors.icalendar.rows import copy_line
from tests.calendars.texts import YEARS, at, only, read, starts

MASTER = "UID:1\nSUMMARY:Weekly\nDTSTART;TZID=Europe/Rome:20310505T090000\nRRULE:FREQ=WEEKLY;COUNT=3"


# ---------------------------------------------------------------------------------------------------- times and lengths


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ("DTSTART:20310506T140000Z\nDTEND:20310506T160000Z", timedelta(hours=2)),
        ("DTSTART:20310506T140000Z", timedelta(hours=1)),
        ("DTSTART:20310506T140000Z\nDTEND:20310506T140000Z", timedelta()),
        ("DTSTART:20310506T140000Z\nDTEND:20310506T120000Z", timedelta(hours=1)),
        ("DTSTART:20310506T140000Z\nDURATION:PT90M", timedelta(minutes=90)),
        ("DTSTART:20310506T140000Z\nDURATION:P1DT2H", timedelta(days=1, hours=2)),
        ("DTSTART:20310506T140000Z\nDURATION:P1W", timedelta(days=7)),
        ("DTSTART:20310506T140000Z\nDURATION:PT-2H", timedelta(hours=1)),
        ("DTSTART:20310506T140000Z\nDURATION:-PT2H", timedelta(hours=1)),
        ("DTSTART:20310506T140000Z\nDURATION:P9999999W", timedelta(hours=1)),
        ("DTSTART:20310506T140000Z\nDTEND:soon", timedelta(hours=1)),
        ("DTSTART:20310506T140000Z\nDTEND;TZID=Europe/Berlin:20310506T180000", timedelta(hours=2)),
        ("DTSTART;VALUE=DATE:20310506", timedelta(days=1)),
        ("DTSTART:20310506", timedelta(days=1)),
        ("DTSTART;VALUE=DATE:20310506\nDTEND;VALUE=DATE:20310506", timedelta(days=1)),
        ("DTSTART;VALUE=DATE:20310506\nDTEND;VALUE=DATE:20310509", timedelta(days=3)),
        ("DTSTART;VALUE=DATE:20310506\nDTEND:20310508T100000Z", timedelta(days=2)),
        ("DTSTART;VALUE=DATE:20310506\nDURATION:P2D", timedelta(days=2)),
        ("DTSTART:20310506T000000\nDTEND;VALUE=DATE:20310507", timedelta(days=1)),
    ],
)
def test_lengths(lines: str, length: timedelta) -> None:
    start, end = only(read(f"UID:1\n{lines}"))
    assert (start.date().isoformat(), end - start) == ("2031-05-06", length)


@pytest.mark.parametrize(
    ("duration", "hours"),
    [("P1D", [23, 24, 24]), ("P1DT2H", [25, 26, 26]), ("P1W", [167, 168, 168]), ("PT24H", [24, 24, 24]), ("PT1H", [1, 1, 1])],
)
def test_days_of_a_duration_are_those_of_the_calendar_and_hours_are_hours(duration: str, hours: list[int]) -> None:
    for rule in ("", "\nRRULE:FREQ=DAILY;COUNT=3"):
        reading = read(f"UID:1\nDTSTART;TZID=Europe/Berlin:20310329T120000\nDURATION:{duration}{rule}")
        expected = hours if rule else hours[:1]
        lengths = [entry.ends_at - entry.starts_at for entry in sorted(reading.entries, key=lambda entry: entry.starts_at)]
        assert lengths == [timedelta(hours=length) for length in expected]


@pytest.mark.parametrize(
    "text",
    [
        "20310506T1400",
        "20310506T140000",
        "2031-05-06T14:00:00",
        "20310506T140000.000",
        " 20310506T140000 ",
        "20310506t140000",
        "20310506T140000Z",
    ],
)
def test_spellings_of_a_time(text: str) -> None:
    assert only(read(f"UID:1\nDTSTART:{text}"))[0] == at("2031-05-06T14:00:00")


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "20310230T100000", "20310506T990000", "99990101T000000Z", "00010101", "16010101T000000", "2031"]
)
def test_a_bad_start_costs_its_event_only(text: str) -> None:
    reading = read(f"UID:1\nSUMMARY:Bad\nDTSTART:{text}", "UID:2\nSUMMARY:Good\nDTSTART:20310506T140000Z")
    assert starts(reading, "Good") == ["05-06 14:00"]
    assert ([item.item for item in reading.rejected], reading.rejected_count) == (["Bad"], 1)
    assert reading.rejected[0].reason


# ---------------------------------------------------------------------------------------------------- lines


def test_texts_are_unescaped_and_unfolded() -> None:
    reading = read(
        "UID:1\nDTSTART:20310505T090000Z\nSUMMARY:Lec\\, ture\\; on\n  folding"
        "\nDESCRIPTION:one\\ntwo\\Nthree\\\\\n \tfour\nLOCATION:Room\\, 3"
    )
    entry = reading.entries[0]
    assert (entry.title, entry.description, entry.place) == ("Lec, ture; on folding", "one\ntwo\nthree\\\tfour", "Room, 3")


def test_nested_components_do_not_touch_their_event() -> None:
    alarm = "BEGIN:VALARM\nSUMMARY:Alarm\nDTSTART:20990101T000000Z\nDURATION:PT5H\nBEGIN:X-INNER\nSUMMARY:y\nEND:X-INNER\nEND:VALARM"
    reading = read(f"UID:1\nSUMMARY:Event\n{alarm}\nDTSTART:20310505T090000Z")
    assert (reading.entries[0].title, only(reading)) == ("Event", (at("2031-05-05T09:00:00"), at("2031-05-05T10:00:00")))


def test_a_missing_summary_and_an_empty_one_differ() -> None:
    reading = read("UID:1\nDTSTART:20310505T090000Z", "UID:2\nSUMMARY:\nDTSTART:20310506T090000Z")
    assert [entry.title for entry in reading.entries] == [None, ""]


GOOD = "BEGIN:VEVENT\r\nUID:{0}\r\nSUMMARY:Grüße {0}\r\nDTSTART:2031050{0}T090000Z\r\nEND:VEVENT\r\n"


@pytest.mark.parametrize(
    "damaged",
    [
        lambda text: text.replace("\r\n", "\n"),
        lambda text: text.replace("\r\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("SUMMARY", "SUMM\0ARY"),
        lambda text: text.replace("END:VEVENT\r\n", ""),
        lambda text: text.replace("END:VCALENDAR\r\n", ""),
        lambda text: text[:-27],
        lambda text: text.replace("BEGIN:VEVENT", "begin:vevent").replace("DTSTART", "dtstart"),
        lambda text: text.replace("UID", "no colon here\r\nX-ODD\r\n=;:\r\n:\r\nUID"),
        lambda text: text.replace("END:VEVENT", "END:VTODO\r\nEND:VEVENT"),
        lambda text: text.replace("BEGIN:VCALENDAR", "\r\n\r\nBEGIN:VCALENDAR"),
        lambda text: "X-BEFORE:1\r\n" + text + "X-AFTER:1\r\n",
        lambda text: text.replace("\r\n", "\r\n\r\n"),
        lambda text: text + text.replace("UID:", "UID:other"),
        lambda text: text.replace("SUMMARY", "ATTACH;ENCODING=BASE64;VALUE=BINARY:" + "A" * 2_000_000 + "\r\nSUMMARY", 1),
        lambda text: text.replace("UID", "ATTENDEE" + "".join(f";X-P{n}=1" for n in range(50_000)) + ":mailto:a\r\nUID", 1),
    ],
)
def test_damage_costs_no_event(damaged: object) -> None:
    assert callable(damaged)
    text = damaged("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + GOOD.format(5) + GOOD.format(6) + "END:VCALENDAR\r\n")
    for encoding in ("utf-8", "latin-1", "utf-16"):
        if encoding == "latin-1" and "\ufeff" in text:
            continue
        reading = read_calendar(text.encode(encoding), YEARS, 5)
        assert {entry.starts_at.day for entry in reading.entries} == {5, 6}
        assert {entry.title for entry in reading.entries} <= {"Grüße 5", "Grüße 6", None}


def test_a_break_inside_a_text_without_white_space_belongs_to_the_text() -> None:
    reading = read("UID:1\nSUMMARY:First\nand second\nDTSTART:20310505T090000Z")
    assert reading.entries[0].title == "Firstand second"


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"<html><body>Sign in</body></html>", b"BEGIN:VCARD\r\nEND:VCARD", b"\xff\xfe", b"\x1f\x8b\x08"]
)
def test_what_is_no_calendar(data: bytes) -> None:
    reading = read_calendar(data, YEARS, 5)
    assert (reading.is_calendar, reading.entries) == (False, [])


def test_name_and_refresh_wish() -> None:
    reading = read(head="X-WR-CALNAME:My\\, own\nREFRESH-INTERVAL;VALUE=DURATION:PT6H\nX-PUBLISHED-TTL:PT1H")
    assert (reading.is_calendar, reading.name, reading.refresh_seconds) == (True, "My, own", 21600)


# ---------------------------------------------------------------------------------------------------- limits


def test_reading_apart_is_the_same_as_reading() -> None:
    lines = "BEGIN:VCALENDAR\r\n" + "".join(
        "BEGIN:VEVENT\r\n" + line.replace("\n", "\r\n") + "\r\nEND:VEVENT\r\n" for line in (MASTER, "DTSTART:x")
    )
    reading, rows = read_apart(lines.encode(), YEARS, text_id=7)
    here = read_calendar(lines.encode(), YEARS, 5)
    assert bytes(rows) == b"".join(copy_line(7, entry) for entry in here.entries)
    assert reading == dataclasses.replace(here, entries=[])


def test_rows_keep_every_character() -> None:
    text = 'back\\slash \\N \\. "quotes" {é🎓}\u2028 tab\\n'
    entry = read(f"UID:1\nDTSTART:20310506T140000Z\nSUMMARY:{text}\nDESCRIPTION:a\\nb\tc").entries[0]
    fields = copy_line(7, entry).rstrip(b"\n").split(b"\t")
    assert (len(fields), fields[0]) == (9, b"7")
    assert orjson.loads(fields[6].replace(b"\\\\", b"\\")) == entry.title
    assert orjson.loads(b"{%b}" % fields[8].replace(b"\\\\", b"\\"))["description"] == "a\nb\tc"


def test_reading_ends_at_its_limits() -> None:
    text = "BEGIN:VCALENDAR\r\n" + "".join(
        f"BEGIN:VEVENT\r\nUID:{number}\r\nDTSTART:19700101T000000Z\r\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30\r\nEND:VEVENT\r\n"
        for number in range(100)
    )
    began = time.monotonic()
    with suppress(ReadingFailed):
        assert read_apart(text.encode(), YEARS, text_id=1, seconds=6)[0].event_count == 100
    assert time.monotonic() - began < 12


def test_the_largest_of_calendars_is_read_within_its_limits_and_a_larger_one_ends_at_them() -> None:
    event = "BEGIN:VEVENT\r\nUID:{0}\r\nDTSTART:2031{1:02}{2:02}T090000Z\r\nSUMMARY:Event {0}\r\nDESCRIPTION:{3}\r\nEND:VEVENT\r\n"
    events = (event.format(number, number % 12 + 1, number % 28 + 1, "What it is about, in some words") for number in range(75_000))
    data = "".join(["BEGIN:VCALENDAR\r\n", *events, "END:VCALENDAR\r\n"]).encode()
    reading, rows = read_apart(data, YEARS, text_id=1)
    assert (reading.event_count, bytes(rows).count(b"\n"), reading.rejected) == (75_000, 75_000, [])
    with pytest.raises(ReadingFailed, match="too large"):
        read_apart(data, YEARS, text_id=1, memory=150 * 2**20)


_PIECES = st.sampled_from(
    [
        "BEGIN:VCALENDAR",
        "END:VCALENDAR",
        "BEGIN:VEVENT",
        "END:VEVENT",
        "BEGIN:VTIMEZONE",
        "END:VTIMEZONE",
        "BEGIN:STANDARD",
        "END:STANDARD",
        "BEGIN:VALARM",
        "END:VALARM",
        "UID:1",
        "UID:2",
        "DTSTART:20310505T090000Z",
        "DTSTART;VALUE=DATE:20310505",
        "DTSTART;TZID=X:20310505T090000",
        "DTEND:20310101T000000Z",
        "DURATION:P1W2D",
        "RRULE:FREQ=WEEKLY;COUNT=2",
        "RRULE:FREQ=DAILY;UNTIL=20310510",
        "RDATE:20310606",
        "EXDATE:20310505T090000Z",
        "EXDATE;VALUE=DATE:20310512",
        "RECURRENCE-ID:20310512T090000Z",
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20310505",
        "STATUS:CANCELLED",
        "SEQUENCE:3",
        "TZID:X",
        "TZOFFSETTO:+0100",
        "TZOFFSETFROM:+9900",
        "X-WR-TIMEZONE:X",
        "SUMMARY:a\\",
        " folded",
        "\tfolded",
    ]
)


@settings(max_examples=300)
@given(st.lists(_PIECES | st.text(max_size=20), max_size=40))
def test_no_text_raises(lines: list[str]) -> None:
    reading = read_calendar("\r\n".join(["BEGIN:VCALENDAR", *lines]).encode("utf-8", "surrogatepass"), YEARS, 5)
    for entry in reading.entries:
        assert entry.ends_at >= entry.starts_at


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    read_calendar(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20310505\n" + data, YEARS, 5)
