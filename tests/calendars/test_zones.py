"""Time zones as calendars name and define them."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from reactors.icalendar import zones
from reactors.icalendar.reading import read_calendar
from tests.calendars.texts import YEARS, at, only, read, starts


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Berlin",
        '"Europe/Berlin"',
        "europe/berlin",
        "W. Europe Standard Time",
        '"W. Europe Standard Time"',
        "Germany/Berlin",
        "/freeassociation.sourceforge.net/Tzfile/Europe/Berlin",
        "/citadel.org/20210210_1/Europe/Berlin",
        "/Europe/Berlin",
        '"(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"',
        "(UTC+01:00) Amsterdam\\, Berlin\\, Bern\\, Rome",
        "(GMT+01.00) Amsterdam / Berlin / Bern / Rome / Stockholm / Vienna",
        "Europe/Berlin;VALUE=DATE-TIME",
    ],
)
@pytest.mark.parametrize(("day", "hour"), [("20310706", 12), ("20311206", 13)])
def test_names_of_zones(name: str, day: str, hour: int) -> None:
    reading = read(f"UID:1\nDTSTART;TZID={name}:{day}T140000")
    assert (only(reading)[0].hour, reading.rejected) == (hour, [])


@pytest.mark.parametrize(
    ("name", "hour"),
    [
        ("UTC", 14),
        ("GMT", 14),
        ("tzone://Microsoft/Utc", 14),
        ("GMT+0100", 13),
        ("UTC-5", 19),
        ("(GMT-05:00) Eastern Time (US & Canada)", 18),
    ],
)
def test_zones_of_offsets(name: str, hour: int) -> None:
    assert only(read(f"UID:1\nDTSTART;TZID={name}:20310706T140000"))[0].hour == hour


CUSTOM = """BEGIN:VTIMEZONE
TZID:{name}
X-LIC-FOO:bar
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:{summer}
TZOFFSETTO:{winter}
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:{winter}
TZOFFSETTO:{summer}
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""


@pytest.mark.parametrize("name", ["Customized Time Zone", "tzone://Microsoft/Custom", "(no TZ description)", "Zeit für uns"])
def test_zones_that_the_file_defines(name: str) -> None:
    head = CUSTOM.format(name=name, summer="+0200", winter="+0100")
    reading = read(f'UID:1\nDTSTART;TZID="{name}":20310706T140000', f"UID:2\nDTSTART;TZID={name}:20311206T140000", head=head)
    assert (starts(reading), reading.rejected) == (["07-06 12:00", "12-06 13:00"], [])


@pytest.mark.parametrize("name", ["EST", "MST", "HST", "GMT", "CET", "WET", "Japan"])
def test_what_the_file_says_about_a_short_name_counts(name: str) -> None:
    times = [f"UID:{day}\nDTSTART;TZID={name}:{day}T140000" for day in ("20310706", "20311206")]
    head = CUSTOM.format(name=name, summer="-0600", winter="-0700")
    assert starts(read(*times, head=head)) == ["07-06 20:00", "12-06 21:00"]


def test_zones_without_number_cost_their_share_of_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "DEFINITION_SECONDS", 0.2)
    count = 400
    same = [CUSTOM.format(name=f"Same {number}", summer="+0200", winter="+0100") for number in range(count)]
    other = [CUSTOM.format(name=f"Other {n}", summer=f"+03{n // 20:02}", winter=f"+02{n % 20:02}") for n in range(count)]
    times = [f"UID:{name} {n}\nDTSTART;TZID={name} {n}:20311206T140000" for name in ("Same", "Other") for n in range(count)]
    began = time.process_time()
    reading = read(*times, head="\n".join([*same, *other]))
    assert time.process_time() - began < 5
    assert [entry.starts_at for entry in reading.entries[:count]] == [at("2031-12-06T13:00:00")] * count
    expected = [at("2031-12-06T12:00:00") - timedelta(minutes=n % 20) for n in range(count)]
    assert [entry.starts_at for entry in reading.entries[count:]] == expected
    told = {item.reason for item in reading.rejected}
    assert (told, count // 2 < reading.rejected_count < count) == ({"one time zone too many; its standard offset is taken all year"}, True)


def test_a_zone_defined_behind_its_use() -> None:
    text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;TZID=Mine:20310706T140000\nEND:VEVENT\n" + CUSTOM.format(
        name="Mine", summer="+0200", winter="+0100"
    )
    assert starts(read_calendar(text.encode(), YEARS, 5)) == ["07-06 12:00"]


@pytest.mark.parametrize(("summer", "winter"), [("+5328", "+0100"), ("+115544", "+115544"), ("", "+0100"), ("x", "y")])
def test_impossible_offsets_cost_their_zone_only(summer: str, winter: str) -> None:
    head = CUSTOM.format(name="Broken", summer=summer, winter=winter)
    reading = read("UID:1\nDTSTART;TZID=Broken:20310706T140000", "UID:2\nDTSTART:20310707T140000Z", head=head)
    assert len(reading.entries) == 2
    assert "07-07 14:00" in starts(reading)


def test_offsets_with_seconds_and_lists_of_changes() -> None:
    old = "BEGIN:STANDARD\nDTSTART:18000101T000000\nTZOFFSETFROM:+001732\nTZOFFSETTO:+001732\nEND:STANDARD"
    new = "BEGIN:STANDARD\nDTSTART:{0}\nRDATE:{0},{1}\nTZOFFSETFROM:{2}\nTZOFFSETTO:{3}\nEND:STANDARD"
    listed = (
        new.format("20300101T000000", "20310601T000000", "+001732", "+0200")
        + "\n"
        + new.format("20310501T000000", "20310801T000000", "+0200", "-0030")
    )
    head = f"BEGIN:VTIMEZONE\nTZID:Ours\n{old}\n{listed}\nEND:VTIMEZONE"
    times = ("20310401T120000", "20310515T120000", "20310701T120000", "20310901T120000")
    reading = read(*(f"UID:{time}\nDTSTART;TZID=Ours:{time}" for time in times), head=head)
    assert [entry.starts_at.strftime("%m-%d %H:%M:%S") for entry in reading.entries] == [
        "04-01 10:00:00", "05-15 12:30:00", "07-01 10:00:00", "09-01 12:30:00",
    ]  # fmt: skip


def test_midnights_of_utc_stay_times() -> None:
    """Some programs mean a whole day by them; nothing in the file says so, and a guess would move real events."""
    reading = read("UID:1\nDTSTART:20310506T000000Z\nDTEND:20310507T000000Z")
    assert (only(reading)[1] - only(reading)[0], reading.entries[0].whole_day) == (timedelta(days=1), False)


def test_an_unknown_zone_is_told_and_its_times_float() -> None:
    reading = read("UID:1\nDTSTART;TZID=Middle-earth/Shire:20310706T140000")
    assert (starts(reading), reading.entries[0].floating) == (["07-06 14:00"], True)
    assert [item.item for item in reading.rejected] == ["Middle-earth/Shire"]


def test_floating_times_are_in_the_calendars_own_zone() -> None:
    reading = read("UID:1\nDTSTART:20310706T140000", head="X-WR-TIMEZONE:Asia/Tokyo")
    assert (starts(reading), reading.entries[0].floating) == (["07-06 05:00"], False)
    assert read("UID:1\nDTSTART;TZID=:20310706T140000").entries[0].floating


def test_clocks_that_change() -> None:
    reading = read("UID:1\nDTSTART;TZID=Europe/Berlin:20310328T023000\nRRULE:FREQ=DAILY;COUNT=4")
    assert starts(reading) == ["03-28 01:30", "03-29 01:30", "03-30 01:30", "03-31 00:30"]
