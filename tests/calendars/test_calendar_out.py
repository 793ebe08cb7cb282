"""The calendar that is given out: addresses, conditional requests, and that strict readers and we ourselves can read it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from icalendar import Calendar, Timezone

from api.routes import calendar_out
from commands.accounts.operators import disable, enable
from commands.context import Context
from projections.calendars.writing import escaped, folded, written_calendar
from projections.calendars.zone_rules import zone_lines
from reactors.icalendar.reading import read_calendar
from tests.accounts.people import Person, make_person
from tests.planner.plans import create
from wiring import Services

NASTY = "Line\nbreak; comma, back\\slash BEGIN:VEVENT\r\nEND:VCALENDAR 日本語のとても長い題名です ümläut 🎓🎓🎓🎓🎓🎓🎓"


def make_address(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = client.post("/calendar-addresses/", json=fields)
    assert answer.status_code == 201, answer.text
    address: dict[str, Any] = answer.json()
    return address


def test_what_we_emit_a_strict_parser_and_we_ourselves_read(client: httpx.Client) -> None:
    create(client, title=NASTY[:120], description="a\nb", starts_at="2031-05-06T14:00:00Z", ends_at="2031-05-06T16:30:00Z")
    create(client, title="Second", starts_at="2031-12-06T14:00:00Z")
    for zone in (None, "America/New_York"):
        client.patch("/planner-settings/", json={"time_zone": zone})
        answer = httpx.get(make_address(client)["url"])
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
        strict = Calendar.from_ical(answer.content)
        assert not strict.errors
        events: list[Any] = strict.walk("VEVENT")
        assert not any(event.errors for event in events)
        assert [event["DTSTART"].dt.astimezone(UTC) for event in events] == [
            datetime(2031, 5, 6, 14, tzinfo=UTC), datetime(2031, 12, 6, 14, tzinfo=UTC),
        ]  # fmt: skip
        assert len(strict.walk("VTIMEZONE")) == (zone is not None)
        ours = read_calendar(answer.content, [2031], 5)
        assert (ours.rejected, [(entry.starts_at, entry.ends_at) for entry in ours.entries]) == (
            [],
            [
                (datetime(2031, 5, 6, 14, tzinfo=UTC), datetime(2031, 5, 6, 16, 30, tzinfo=UTC)),
                (datetime(2031, 12, 6, 14, tzinfo=UTC), datetime(2031, 12, 6, 15, tzinfo=UTC)),
            ],
        )
        assert ours.entries[0].description == "a\nb"


def test_what_we_emit_is_imported_to_the_same_entries(client: httpx.Client, services: Services) -> None:
    note = client.post("/notes/", json={"title": "Read; on, and \\ on"}).json()["id"]
    client.post("/note-sessions/", json={"note_id": note, "started_at": "2031-05-07T08:00:00Z", "ended_at": "2031-05-07T08:40:00Z"})
    create(client, title=NASTY[:120], starts_at="2031-05-06T14:00:00Z", ends_at="2031-05-06T16:30:00Z")
    create(client, title="Whole night", starts_at="2031-03-29T22:00:00Z", ends_at="2031-03-30T05:00:00Z")
    create(client, title="Clock", starts_at="2031-10-26T00:30:00Z", ends_at="2031-10-26T01:30:00Z")
    create(client, title="Again", starts_at="2031-10-26T01:10:00Z", ends_at="2031-10-26T01:20:00Z")

    def entries(asking: httpx.Client, **headers: Any) -> list[Any]:
        weeks = [
            asking.get(f"/activity/week/?days=30&start_date={start}", **headers).json()["days"]
            for start in ("2031-03-20", "2031-05-01", "2031-10-10")
        ]
        return [(each["title"], each["starts_at"], each["ends_at"]) for days in weeks for day in days for each in day["events"]]

    for zone in (None, "Europe/Berlin", "Australia/Lord_Howe"):
        client.patch("/planner-settings/", json={"time_zone": zone})
        text = httpx.get(make_address(client, includes_sessions=True)["url"]).text
        stranger = make_person(services)
        made = client.post("/calendar-feeds/", json={"title": "Theirs", "raw_ical": text}, headers=stranger.headers).json()
        assert (made["import_summary"]["count"], made["rejected"]) == (5, [])
        # A title is one line where it is read, whatever its account wrote.
        ours = [(" ".join(title.split()), *times) for title, *times in entries(client)]
        assert sorted(entries(client, headers=stranger.headers)) == sorted(ours)


def test_years_have_four_digits(client: httpx.Client) -> None:
    create(client, starts_at="0843-08-10T12:00:00Z")
    for zone in (None, "Europe/Paris"):
        client.patch("/planner-settings/", json={"time_zone": zone})
        events: list[Any] = Calendar.from_ical(httpx.get(make_address(client)["url"]).content).walk("VEVENT")
        (event,) = events
        start = event["DTSTART"].dt
        assert (not event.errors, start.astimezone(UTC).replace(second=0)) == (True, datetime(843, 8, 10, 12, tzinfo=UTC))


def test_conditional_requests(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar_out, "SETTLED", timedelta())
    event = create(client)
    url = make_address(client)["url"]
    first = httpx.get(url)
    again = httpx.get(url)
    assert (first.content, first.headers["etag"]) == (again.content, again.headers["etag"])
    for headers in ({"If-None-Match": first.headers["etag"]}, {"If-None-Match": "W/" + first.headers["etag"]}, {"If-None-Match": "*"}):
        assert httpx.get(url, headers=headers).status_code == 304
    assert httpx.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert httpx.get(url, headers={"If-Modified-Since": first.headers["last-modified"]}).status_code == 304
    assert httpx.get(url, headers={"If-Modified-Since": "yesterday"}).status_code == 200
    client.patch(f"/planner-events/{event['id']}/", json={"title": "Other"})
    changed = httpx.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert b"SUMMARY:Other\r\n" in changed.content
    assert b"SEQUENCE:1\r\n" in changed.content
    assert client.patch("/settings/", json={"username": "renamed-planner"}).status_code == 200
    assert httpx.get(url, headers={"If-None-Match": changed.headers["etag"]}).status_code == 200


def test_a_second_change_in_the_same_second_is_one_as_well(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    url = make_address(client)["url"]
    create(client)
    first = httpx.get(url)
    known = {"If-Modified-Since": first.headers.get("last-modified", first.headers["date"])}
    create(client)
    assert ("last-modified" in first.headers, httpx.get(url, headers=known).status_code) == (False, 200)
    # As it is answered later, when the change has settled.
    monkeypatch.setattr(calendar_out, "SETTLED", timedelta())
    assert httpx.get(url, headers=known).status_code == 200


def test_what_leaves_no_row_behind_is_a_change_as_well(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar_out, "SETTLED", timedelta())
    create(client)
    note = client.post("/notes/", json={"title": "Studied"}).json()["id"]
    client.post("/note-sessions/", json={"note_id": note})
    url = make_address(client, includes_sessions=True)["url"]
    known = {"If-Modified-Since": httpx.get(url).headers["last-modified"]}
    time.sleep(1.1)
    client.patch("/planner-settings/", json={"time_zone": "Asia/Tokyo"})
    changed = httpx.get(url, headers=known)
    assert (changed.status_code, b"DTSTART;TZID=Asia/Tokyo:" in changed.content) == (200, True)
    known = {"If-Modified-Since": changed.headers["last-modified"]}
    assert httpx.get(url, headers=known).status_code == 304
    time.sleep(1.1)
    client.delete(f"/notes/{note}/")
    assert client.post("/notes/deleted/empty/").status_code < 300
    purged = httpx.get(url, headers=known)
    assert (purged.status_code, purged.text.count("BEGIN:VEVENT")) == (200, 1)


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "Africa/Casablanca", "UTC"]
)
def test_the_rules_of_a_zone_are_those_of_the_tz_database(zone: str) -> None:
    for year in (2031, 2037, 2060, 2095):
        component = Timezone.from_ical("\r\n".join([*zone_lines(zone, 2025, year), ""]))
        assert isinstance(component, Timezone)
        read = component.to_tz(lookup_tzid=False)
        noons = [datetime(year, 1, 1, 12, tzinfo=ZoneInfo(zone)) + timedelta(days=day) for day in range(360)]
        assert [noon.replace(tzinfo=read).utcoffset() for noon in noons] == [noon.utcoffset() for noon in noons]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Dublin", "Australia/Lord_Howe"])
def test_the_rules_of_a_zone_hold_also_when_all_moments_are_far_away(zone: str) -> None:
    component = Timezone.from_ical("\r\n".join([*zone_lines(zone, 2070, 2072), ""]))
    assert isinstance(component, Timezone)
    read = component.to_tz(lookup_tzid=False)
    noons = [datetime(2071, month, 5, 12, tzinfo=ZoneInfo(zone)) for month in range(1, 13)]
    assert [noon.replace(tzinfo=read).utcoffset() for noon in noons] == [noon.utcoffset() for noon in noons]


def entry_lines(start: str, end: str, zone: str = "Europe/Berlin") -> list[str]:
    entry = {
        "kind": "planner-event", "id": 1, "mark": 1, "title": "Plan", "description": "", "starts_at": start, "ends_at": end,
        "last_edit": "2026-01-01T00:00:00+00:00", "created_at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    lines = written_calendar("Somebody", zone, [entry], 1).decode().partition("BEGIN:VEVENT")[2].split("\r\n")
    return [line for line in lines if line.startswith("DT") and not line.startswith("DTSTAMP")]


def test_times_before_the_first_known_clock_change_are_utc() -> None:
    assert entry_lines("1969-07-20T20:17:00+00:00", "1969-07-20T21:17:00+00:00") == ["DTSTART:19690720T201700Z", "DTEND:19690720T211700Z"]
    assert entry_lines("1970-07-20T20:17:00+00:00", "1970-07-20T21:17:00+00:00")[0] == "DTSTART;TZID=Europe/Berlin:19700720T211700"


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Asia/Gaza", ":21500701T120000Z"),
        ("Europe/Berlin", ";TZID=Europe/Berlin:21500701T140000"),
        ("Asia/Kolkata", ";TZID=Asia/Kolkata:21500701T173000"),
    ],
)
def test_times_after_the_last_clock_change_that_is_listed_are_utc(zone: str, start: str) -> None:
    lines = entry_lines("2150-07-01T12:00:00+00:00", "2150-07-01T13:00:00+00:00", zone)
    assert lines[0] == f"DTSTART{start}"
    assert entry_lines("2100-07-01T12:00:00+00:00", "2100-07-01T13:00:00+00:00", zone)[0].startswith(f"DTSTART;TZID={zone}:")


def test_an_end_that_is_not_later_is_left_out() -> None:
    start = "2031-05-06T14:00:00.200000+00:00"
    for end in (start, "2031-05-06T14:00:00.900000+00:00", "2031-05-06T13:00:00+00:00"):
        assert entry_lines(start, end) == ["DTSTART;TZID=Europe/Berlin:20310506T160000"]
    assert len(entry_lines(start, "2031-05-06T14:00:01+00:00")) == 2


def test_a_repeated_request_makes_no_second_address(client: httpx.Client) -> None:
    first, second = (client.post("/calendar-addresses/", json={}, headers={"Idempotency-Key": "phone"}).json() for _ in range(2))
    assert first == second
    assert [address["id"] for address in client.get("/calendar-addresses/").json()] == [first["id"]]
    path = f"/calendar-addresses/{first['id']}/rotate/"
    rotated, again = (client.post(path, headers={"Idempotency-Key": "rotated"}).json() for _ in range(2))
    assert rotated == again
    assert httpx.get(rotated["url"]).status_code == 200


def test_rotated_and_revoked_addresses_are_void_at_once(client: httpx.Client) -> None:
    address = make_address(client, label="Phone")
    assert httpx.get(address["url"]).status_code == 200
    rotated = client.post(f"/calendar-addresses/{address['id']}/rotate/").json()
    assert rotated["url"] != address["url"]
    assert httpx.get(address["url"]).status_code == 404
    assert httpx.get(rotated["url"]).status_code == 200
    listed = client.get("/calendar-addresses/").json()
    assert [(row["label"], row["last_used"] is not None, "url" in row) for row in listed] == [("Phone", True, False)]
    assert client.delete(f"/calendar-addresses/{address['id']}/").status_code == 204
    assert httpx.get(rotated["url"]).status_code == 404
    assert client.get("/calendar-addresses/").json() == []


def test_an_address_gives_out_what_was_chosen_as_long_as_its_account_is_open(
    client: httpx.Client, services: Services, person: Person
) -> None:
    create(client, title="Own plan")
    done = create(client, title="Done")
    client.patch(f"/planner-events/{done['id']}/", json={"is_completed": True})
    thrown = create(client, title="Thrown")
    client.delete(f"/planner-events/{thrown['id']}/")
    note = client.post("/notes/", json={"title": "Studied", "content": "x"}).json()["id"]
    client.post("/note-sessions/", json={"note_id": note})
    foreign = {"title": "Foreign plan", "event_date": "2031-05-06"}
    assert client.post("/planner-events/", json=foreign, headers=make_person(services).headers).status_code == 201
    both, plans = (make_address(client, includes_sessions=chosen)["url"] for chosen in (True, False))

    def shown(url: str) -> set[str]:
        events: list[Any] = Calendar.from_ical(httpx.get(url).content).walk("VEVENT")
        return {str(event["SUMMARY"]) for event in events}

    assert (shown(both), shown(plans)) == ({"Own plan", "Done", "Studied"}, {"Own plan", "Done"})
    for change, status in ((disable, 404), (enable, 200)):
        services.commands.run(partial(change, username=person.username), Context(actor=None, channel="cli"))
        assert {httpx.get(url).status_code for url in (both, plans)} == {status}


def test_addresses_of_others_are_404(client: httpx.Client, services: Services) -> None:
    address = make_address(client)
    stranger = make_person(services).headers
    assert client.post(f"/calendar-addresses/{address['id']}/rotate/", headers=stranger).status_code == 404
    assert client.delete(f"/calendar-addresses/{address['id']}/", headers=stranger).status_code == 404


@pytest.mark.parametrize("name", ["x.ics", "0" * 48 + ".ics", "0" * 48, "%00.ics", "..%2F.ics"])
def test_unknown_addresses_are_404(door: httpx.Client, name: str) -> None:
    assert door.get(f"/calendar/{name}").status_code == 404


def test_a_token_is_nowhere_in_the_database(client: httpx.Client, services: Services) -> None:
    token = make_address(client)["url"].rsplit("/", 1)[1].removesuffix(".ics")
    with services.thread_pool.connection() as connection:
        found = connection.execute("SELECT count(*) FROM log.events WHERE convert_from(data, 'UTF8') LIKE %s", (f"%{token}%",)).fetchone()
    assert found == (0,)


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "a\nb", "a;b,c\\d", "\0\x07x"])
def test_no_text_can_break_out_of_its_line(text: str) -> None:
    assert not set(escaped(text)) & {"\r", "\n", "\0", "\x07"}


def test_folding_tears_no_character() -> None:
    for length in range(60, 90):
        line = "SUMMARY:" + "x" * length + "é日🎓" * 40
        pieces = folded(line).split(b"\r\n ")
        assert all(len(piece.rstrip(b"\r\n")) <= 75 - bool(number) for number, piece in enumerate(pieces))
        for piece in pieces:
            piece.decode()
        assert folded(line).replace(b"\r\n ", b"") == line.encode() + b"\r\n"


def test_an_empty_calendar_is_one() -> None:
    assert Calendar.from_ical(written_calendar("Nobody", "Asia/Kolkata", [], 1)).walk("VEVENT") == []


def test_an_account_has_so_many_addresses_also_when_they_are_made_at_once(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.post("/calendar-addresses/", json={}).status_code, range(28)))
    assert (answers.count(201), answers.count(400), len(client.get("/calendar-addresses/").json())) == (20, 8, 20)
