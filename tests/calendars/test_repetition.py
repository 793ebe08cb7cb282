"""Reading what takes place more than once: rules, exceptions, revisions."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from reactors.icalendar.reading import read_calendar
from tests.calendars.texts import read, starts


@pytest.mark.parametrize(
    ("start", "rule", "expected"),
    [
        (":20310505T090000Z", "FREQ=WEEKLY;COUNT=3", ["05-05 09:00", "05-12 09:00", "05-19 09:00"]),
        (":20310505T090000Z", "FREQ=DAILY;INTERVAL=2;UNTIL=20310509T090000Z", ["05-05 09:00", "05-07 09:00", "05-09 09:00"]),
        (";TZID=Europe/Rome:20310505T090000", "FREQ=DAILY;UNTIL=20310506T070000Z", ["05-05 07:00", "05-06 07:00"]),
        (";TZID=Europe/Rome:20310505T090000", "FREQ=DAILY;UNTIL=20310506T090000", ["05-05 07:00", "05-06 07:00"]),
        (";VALUE=DATE:20310505", "FREQ=DAILY;UNTIL=20310506T220000Z", ["05-05 00:00", "05-06 00:00"]),
        (":20310505T090000", "FREQ=DAILY;UNTIL=20310506T090000Z", ["05-05 09:00", "05-06 09:00"]),
        (":20310505T090000Z", "FREQ=DAILY;UNTIL=20310507", ["05-05 09:00", "05-06 09:00", "05-07 09:00"]),
        (":20310505T235959", "FREQ=DAILY;UNTIL=20310506", ["05-05 23:59", "05-06 23:59"]),
        (";TZID=America/New_York:20310505T220000", "FREQ=DAILY;UNTIL=20310507", ["05-06 02:00", "05-07 02:00", "05-08 02:00"]),
        (";TZID=Asia/Tokyo:20310505T000000", "FREQ=DAILY;UNTIL=20310506", ["05-04 15:00", "05-05 15:00"]),
        (";VALUE=DATE:20310505", "FREQ=DAILY;UNTIL=20310506", ["05-05 00:00", "05-06 00:00"]),
        (":20310505T090000Z", "FREQ=DAILY;UNTL=20310506T090000Z", ["05-05 09:00", "05-06 09:00"]),
        (":20310505T090000Z", "FREQ=DAILY;UNTIL=20310505T090000Z", ["05-05 09:00"]),
        (":20310131T090000Z", "FREQ=MONTHLY;COUNT=3", ["01-31 09:00", "03-31 09:00", "05-31 09:00"]),
        (":20310128T090000Z", "FREQ=MONTHLY;BYDAY=-1TU;COUNT=3", ["01-28 09:00", "02-25 09:00", "03-25 09:00"]),
        (":20310131T090000Z", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3", ["01-31 09:00", "02-28 09:00", "03-31 09:00"]),
        (":20310505T090000Z", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU;COUNT=3", ["05-05 09:00", "05-18 09:00", "05-19 09:00"]),
        (":20310505T090000Z", "freq=daily;count=2;x-foo=bar", ["05-05 09:00", "05-06 09:00"]),
        (":20310505T090000Z", "FREQ=DAILY\\;COUNT=2; INTERVAL = 1", ["05-05 09:00", "05-06 09:00"]),
        (":20310505T090000Z", "RSCALE=GREGORIAN;FREQ=YEARLY;COUNT=1", ["05-05 09:00"]),
        (":20310505T090000Z", "", ["05-05 09:00"]),
        (":20310505T090000Z", "FREQ=DAILY;COUNT=2\nRRULE:FREQ=DAILY;COUNT=2", ["05-05 09:00", "05-06 09:00"]),
        (":20310505T090000Z", "FREQ=HOURLY;COUNT=2", ["05-05 09:00", "05-05 10:00"]),
    ],
)
def test_rules(start: str, rule: str, expected: list[str]) -> None:
    reading = read(f"UID:1\nDTSTART{start}\nRRULE:{rule}")
    assert (starts(reading), reading.rejected) == (expected, [])


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;COUNT=5",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=FORTNIGHTLY",
        "COUNT=3",
        "nonsense",
        "RSCALE=CHINESE;FREQ=YEARLY",
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=DAILY;INTERVAL=99999999999",
        "FREQ=DAILY;UNTIL=whenever",
    ],
)
def test_rules_that_are_not_followed_show_their_event_once_and_are_told(rule: str) -> None:
    reading = read(f"UID:1\nSUMMARY:Odd\nDTSTART:20310505T090000Z\nRRULE:{rule}", "UID:2\nDTSTART:20310601T090000Z")
    assert starts(reading) == ["05-05 09:00", "06-01 09:00"]
    assert [item.item for item in reading.rejected] == ["Odd"]


@pytest.mark.parametrize("until", ["20300101T000000Z", "20310504"])
def test_a_rule_that_ends_before_its_event_begins_shows_nothing_and_is_told(until: str) -> None:
    reading = read(f"UID:1\nSUMMARY:Odd\nDTSTART:20310505T090000Z\nRRULE:FREQ=DAILY;UNTIL={until}\nRDATE:20310601T090000Z")
    assert starts(reading) == ["06-01 09:00"]
    assert [item.item for item in reading.rejected] == ["Odd"]


@pytest.mark.parametrize(
    ("zone", "until", "last"),
    [
        ("Europe/Berlin", "20310506T220000Z", 7),
        ("Europe/Berlin", "20310507T215959Z", 7),
        ("America/New_York", "20310508T035959Z", 7),
        ("America/New_York", "20310507T000000Z", 7),
        ("Europe/Berlin", "20310507T000000Z", 7),
        ("Europe/Berlin", "20310507T230000", 7),
        ("Europe/Berlin", "20310507", 7),
        ("Europe/Berlin", "20310504T220000Z", 5),
    ],
)
def test_the_last_of_whole_days_is_that_of_the_calendars_zone(zone: str, until: str, last: int) -> None:
    reading = read(f"UID:1\nDTSTART;VALUE=DATE:20310505\nRRULE:FREQ=DAILY;UNTIL={until}", head=f"X-WR-TIMEZONE:{zone}")
    assert (starts(reading), reading.rejected) == ([f"05-{day:02} 00:00" for day in range(5, last + 1)], [])


def test_hostile_rules_cost_their_own_time_only() -> None:
    hostile = [
        "DTSTART:19700101T000000Z\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "DTSTART:19000101T000000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
        "DTSTART:19700101T000000Z\nRRULE:FREQ=HOURLY;BYMINUTE="
        + ",".join(map(str, range(60)))
        + ";BYSECOND="
        + ",".join(map(str, range(60))),
    ]
    before = time.process_time()
    reading = read(
        *(f"UID:{number}\nSUMMARY:Hostile\n{lines}" for number, lines in enumerate(hostile)),
        "UID:g\nSUMMARY:Good\nDTSTART:20310601T090000Z",
    )
    assert time.process_time() - before < 15
    assert starts(reading, "Good") == ["06-01 09:00"]
    assert len(reading.entries) < 20_000


def test_daily_since_1900_is_followed() -> None:
    assert len(starts(read("UID:1\nDTSTART:19000101T080000Z\nRRULE:FREQ=DAILY"))) == 365


@pytest.mark.parametrize(
    ("start", "excluded"),
    [
        (":20310505T090000Z", ":20310506T090000Z"),
        (":20310505T090000Z", ";VALUE=DATE:20310506"),
        (":20310505T090000Z", ":20310506"),
        (":20310505T090000Z", ";TZID=Europe/Rome:20310506T110000"),
        (":20310505T090000Z", ":20310506T090000Z,"),
        (":20310505T090000Z", ":\nEXDATE;VALUE=DATE:\nEXDATE:20310506T090000Z"),
        (":20310505T090000Z", ":,20310506T090000Z,nonsense"),
        (":20310505T090000Z", ":20310506T090000Z\nEXDATE:20310509T090000Z"),
        (";TZID=Europe/Rome:20310505T110000", ":20310506T110000"),
        (";TZID=Europe/Rome:20310505T110000", ":20310506T090000Z"),
        (":20310505T090000", ":20310506T090000Z"),
        (";VALUE=DATE:20310505", ":20310506T000000Z"),
        (";VALUE=DATE:20310505", ";VALUE=DATE:20310506"),
        (";VALUE=DATE:20310505", ";TZID=Europe/Rome:20310506T000000"),
    ],
)
def test_excluded_dates(start: str, excluded: str) -> None:
    reading = read(f"UID:1\nDTSTART{start}\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE{excluded}")
    assert [day[:5] for day in starts(reading)] == ["05-05", "05-07"]


@pytest.mark.parametrize(
    ("start", "extra", "expected"),
    [
        (":20310505T090000Z", ":20310601T100000Z", ["05-05 09:00", "06-01 10:00"]),
        (":20310505T090000Z", ";VALUE=DATE:20310601,20310602", ["05-05 09:00", "06-01 09:00", "06-02 09:00"]),
        (";VALUE=DATE:20310505", ":20310601T100000Z", ["05-05 00:00", "06-01 00:00"]),
        (
            ":20310505T090000Z",
            ";VALUE=PERIOD:20310601T100000Z/PT3H,20310602T100000Z/20310602T120000Z",
            ["05-05 09:00", "06-01 10:00", "06-02 10:00"],
        ),
        (":20310505T090000Z", ":", ["05-05 09:00"]),
        (":20310505T090000Z", ":20310505T090000Z", ["05-05 09:00"]),
    ],
)
def test_extra_dates(start: str, extra: str, expected: list[str]) -> None:
    assert starts(read(f"UID:1\nDTSTART{start}\nRDATE{extra}")) == expected


def test_periods_bring_their_own_length() -> None:
    reading = read("UID:1\nDTSTART:20310505T090000Z\nDTEND:20310505T100000Z\nRDATE;VALUE=PERIOD:20310601T100000Z/PT3H")
    assert sorted(entry.ends_at - entry.starts_at for entry in reading.entries) == [timedelta(hours=1), timedelta(hours=3)]


MASTER = "UID:1\nSUMMARY:Weekly\nDTSTART;TZID=Europe/Rome:20310505T090000\nRRULE:FREQ=WEEKLY;COUNT=3"


@pytest.mark.parametrize(
    "identity",
    [
        ";TZID=Europe/Rome:20310512T090000",
        ":20310512T070000Z",
        ":20310512T090000",
        ";VALUE=DATE:20310512",
        ";TZID=America/New_York:20310512T030000",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_one_occurrence_moved(identity: str, first: bool) -> None:
    moved = f"UID:1\nSUMMARY:Moved\nRECURRENCE-ID{identity}\nDTSTART:20310601T120000Z"
    reading = read(*((moved, MASTER) if first else (MASTER, moved)))
    assert (starts(reading, "Weekly"), starts(reading, "Moved")) == (["05-05 07:00", "05-19 07:00"], ["06-01 12:00"])
    assert reading.event_count == 1


def test_of_several_replacements_the_highest_sequence_counts() -> None:
    replacement = "UID:1\nSUMMARY:{0}\nSEQUENCE:{1}\nRECURRENCE-ID:20310512T070000Z\nDTSTART:2031051{2}T100000Z"
    reading = read(MASTER, replacement.format("New", 5, 3), replacement.format("Old", 2, 4))
    assert (starts(reading, "New"), starts(reading, "Old")) == (["05-13 10:00"], [])


def test_replacements_without_their_series_stand_alone() -> None:
    reading = read(
        "UID:1\nSUMMARY:A\nRECURRENCE-ID:20310512T070000Z\nDTSTART:20310513T070000Z",
        "UID:1\nSUMMARY:B\nRECURRENCE-ID:20310519T070000Z\nDTSTART:20310520T070000Z",
    )
    assert (starts(reading, "A"), starts(reading, "B")) == (["05-13 07:00"], ["05-20 07:00"])


def test_this_and_future() -> None:
    changed = "UID:1\nSUMMARY:Later\nRECURRENCE-ID;RANGE=THISANDFUTURE:20310512T070000Z\nDTSTART;TZID=Europe/Rome:20310512T110000"
    reading = read(MASTER, changed)
    assert (starts(reading, "Weekly"), starts(reading, "Later")) == (["05-05 07:00"], ["05-12 09:00", "05-19 09:00"])


def test_what_is_cancelled_is_not_shown() -> None:
    one = "UID:1\nSTATUS:CANCELLED\nRECURRENCE-ID:20310512T070000Z\nDTSTART:20310512T070000Z"
    assert starts(read(MASTER, one)) == ["05-05 07:00", "05-19 07:00"]
    rest = one.replace("RECURRENCE-ID", "RECURRENCE-ID;RANGE=THISANDFUTURE")
    assert starts(read(MASTER, rest)) == ["05-05 07:00"]
    assert starts(read(MASTER + "\nSTATUS:CANCELLED", "UID:2\nDTSTART:20310601T000000Z\nSTATUS:CONFIRMED")) == ["06-01 00:00"]
    assert starts(read(MASTER, head="METHOD:CANCEL")) == []


@pytest.mark.parametrize("how", ["STATUS:CANCELLED\n", "METHOD:CANCEL"])
def test_what_is_cancelled_needs_no_start(how: str) -> None:
    status, head = (how, "") if how.startswith("STATUS") else ("", how)

    def left(cancelled: str) -> list[str]:
        text = f"BEGIN:VCALENDAR\n{head}\nBEGIN:VEVENT\nUID:1\n{status}{cancelled}\nEND:VEVENT\nEND:VCALENDAR\n"
        reading = read_calendar(f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{MASTER}\nEND:VEVENT\nEND:VCALENDAR\n{text}".encode(), [2031], 20)
        assert reading.rejected == []
        return starts(reading)

    assert left("RECURRENCE-ID;TZID=Europe/Rome:20310512T090000") == ["05-05 07:00", "05-19 07:00"]
    assert left("RECURRENCE-ID;RANGE=THISANDFUTURE:20310512T070000Z") == ["05-05 07:00"]
    assert left("SEQUENCE:1") == left("DTSTAMP:20310101T000000Z") == left("") == []


def test_times_that_clocks_skip_come_once() -> None:
    daily = read("UID:1\nDTSTART;TZID=Pacific/Apia:20111228T100000\nRRULE:FREQ=DAILY;COUNT=5", years=[2011, 2012])
    assert sorted(f"{entry.starts_at:%m-%d}" for entry in daily.entries) == ["12-28", "12-29", "12-30", "12-31"]
    hourly = read("UID:1\nDTSTART;TZID=Europe/Berlin:20310330T000000\nRRULE:FREQ=HOURLY;UNTIL=20310330T030000Z")
    assert starts(hourly) == ["03-29 23:00", "03-30 00:00", "03-30 01:00", "03-30 02:00", "03-30 03:00"]


def test_revisions_of_one_event() -> None:
    old, new = "UID:1\nSUMMARY:Old\nSEQUENCE:1\nDTSTART:20310505T090000Z", "UID:1\nSUMMARY:New\nSEQUENCE:2\nDTSTART:20310506T090000Z"
    assert starts(read(new, old)) == starts(read(old, new)) == ["05-06 09:00"]
    stamped = [f"UID:1\nSUMMARY:{stamp}\nDTSTAMP:{stamp}T000000Z\nDTSTART:2031050{stamp[-1]}T090000Z" for stamp in ("20310102", "20310101")]
    assert starts(read(*stamped)) == ["05-02 09:00"]
    changed = [line.replace("DTSTAMP", "DTSTAMP:20310101T000000Z\nLAST-MODIFIED") for line in stamped]
    assert starts(read(*changed)) == starts(read(*reversed(changed))) == ["05-02 09:00"]


def test_a_revision_without_a_sequence_is_of_sequence_0() -> None:
    old = "UID:1\nSEQUENCE:0\nDTSTAMP:20310101T000000Z\nDTSTART:20310505T090000Z"
    new = "UID:1\nDTSTAMP:20310102T000000Z\nDTSTART:20310506T090000Z"
    for revisions in ((old, new), (new, old)):
        assert starts(read(*revisions)) == ["05-06 09:00"]
    assert starts(read(old, f"{new}\nSTATUS:CANCELLED")) == []
    replaced = "UID:1\nRECURRENCE-ID:20310512T070000Z\nDTSTAMP:20310101T000000Z\nSEQUENCE:0\nDTSTART:20310513T100000Z"
    gone = "UID:1\nRECURRENCE-ID:20310512T070000Z\nDTSTAMP:20310102T000000Z\nSTATUS:CANCELLED"
    assert starts(read(MASTER, gone, replaced)) == ["05-05 07:00", "05-19 07:00"]


def test_different_events_under_one_uid_by_mistake_all_stay() -> None:
    reading = read(*(f"UID:same\nSUMMARY:{name}\nDTSTART:2031050{number}T090000Z" for number, name in enumerate("ABC", 1)))
    assert len(reading.entries) == 3


def test_events_without_uid_stay_apart_and_are_the_same_each_time() -> None:
    lines = ("SUMMARY:A\nDTSTART:20310505T090000Z", "SUMMARY:B\nDTSTART:20310505T090000Z", "SUMMARY:A\nDTSTART:20310505T090000Z")
    reading = read(*lines)
    assert sorted(entry.title or "" for entry in reading.entries) == ["A", "B"]
    assert {entry.identity for entry in reading.entries} == {entry.identity for entry in read(*lines).entries}


@pytest.mark.parametrize("uid", ["a/b", "<script>", "a&b", "%2e%2e/", "ü" * 300, "\\n;,", "x\ty"])
def test_uids_with_any_characters(uid: str) -> None:
    reading = read(f"UID:{uid}\nDTSTART:20310505T090000Z\nRRULE:FREQ=DAILY;COUNT=2")
    assert len(reading.entries) == 2
