"""Calendar feeds over HTTP (contract: planner_platform 4, 16.6; clients 8.4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from typing import Any

import httpx
import pytest

from commands.calendars import feeds
from commands.calendars.source_urls import calendar_address
from projections.activity.week import get_week
from projections.reading import Credentials
from reactors.feeds.texts import prepare_years, preparing
from tests.accounts.people import make_person
from wiring import Services


def calendar(*events: str, head: str = "") -> str:
    body = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}{body}END:VCALENDAR\r\n"


LECTURE = "UID:a\r\nDTSTART:20310506T190000Z\r\nDTEND:20310506T200000Z\r\nSUMMARY:Lecture"


def add(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = client.post("/calendar-feeds/", json={"title": "Timetable", **fields})
    assert answer.status_code == 201, answer.text
    feed: dict[str, Any] = answer.json()
    return feed


def entries(client: httpx.Client, start: str = "2031-05-05", days: int = 7) -> list[dict[str, Any]]:
    answer = client.get(f"/activity/week/?start_date={start}&days={days}")
    assert answer.status_code == 200, answer.text
    return [entry for day in answer.json()["days"] for entry in day["events"]]


def test_an_imported_calendar_shows_in_the_week(client: httpx.Client) -> None:
    feed = add(client, raw_ical=calendar(LECTURE), source_kind="I", course_id=None)
    assert feed["import_summary"] == {
        "ok": True, "count": 1, "rejected": 0, "error": "",
        "events": [{"title": "Lecture", "starts_at": "2031-05-06T19:00:00+00:00", "ends_at": "2031-05-06T20:00:00+00:00"}],
    }  # fmt: skip
    assert (feed["state"], feed["event_count"], feed["last_sync"]) == ("ok", 1, None)
    assert "raw_ical" not in feed
    assert entries(client) == [
        {
            "title": "Lecture", "kind": "calendar", "course_id": None, "source_id": feed["id"], "calendar_title": "Timetable",
            "starts_at": "2031-05-06T19:00:00+00:00", "ends_at": "2031-05-06T20:00:00+00:00",
            "all_day": False, "location": "", "description": "",
        }
    ]  # fmt: skip


def test_switching_renaming_and_removing_take_effect_at_once(client: httpx.Client) -> None:
    untitled = "UID:b\r\nDTSTART:20310507T100000Z"
    feed = add(client, raw_ical=calendar(LECTURE, untitled))
    path = f"/calendar-feeds/{feed['id']}/"
    assert client.patch(path, json={"is_enabled": False}).json()["is_enabled"] is False
    assert entries(client) == []
    assert client.patch(path, json={"is_enabled": True, "title": "Renamed"}).json()["title"] == "Renamed"
    assert [(entry["title"], entry["calendar_title"]) for entry in entries(client)] == [("Lecture", "Renamed"), ("Renamed", "Renamed")]
    assert client.patch(path, json={"raw_ical": calendar(untitled)}).json()["event_count"] == 1
    assert len(entries(client)) == 1
    assert client.patch(path, json={"raw_ical": ""}).json()["state"] == "empty"
    assert entries(client) == []
    answer = client.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get("/calendar-feeds/").json() == []
    assert client.get(path).status_code == client.patch(path, json={}).status_code == client.delete(path).status_code == 404


def test_list_is_by_title_then_id(client: httpx.Client) -> None:
    ids = [add(client, title=title)["id"] for title in ("B", "A", "B")]
    assert [feed["id"] for feed in client.get("/calendar-feeds/").json()] == [ids[1], ids[0], ids[2]]


def test_a_feed_without_text_and_address_is_valid(client: httpx.Client) -> None:
    feed = add(client, title="Nothing", source_url="", raw_ical="  ")
    assert (feed["state"], feed["source_kind"], feed["source_url"], feed["import_summary"]["ok"]) == ("empty", "I", "", False)
    assert feed["import_summary"]["error"]


def test_a_calendar_without_events_is_kept(client: httpx.Client) -> None:
    feed = add(client, raw_ical=calendar())
    assert feed["import_summary"] == {"ok": False, "count": 0, "rejected": 0, "events": [], "error": "The calendar holds no events."}


def test_display_name_is_read_as_the_title(client: httpx.Client) -> None:
    answer = client.post("/calendar-feeds/", json={"display_name": "Mine"})
    assert (answer.status_code, answer.json()["title"]) == (201, "Mine")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": None}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"source_kind": "X"}, "source_kind"),
        ({"source_url": None}, "source_url"),
        ({"source_url": "ftp://example.org/a.ics"}, "source_url"),
        ({"source_url": "file:///etc/passwd"}, "source_url"),
        ({"source_url": "example.org"}, "source_url"),
        ({"source_url": "https://example.org/" + "x" * 2000}, "source_url"),
        ({"raw_ical": None}, "raw_ical"),
        ({"raw_ical": "<html>Sign in</html>"}, "raw_ical"),
        ({"raw_ical": "BEGIN:VCALENDAR" + "x" * 10 * 2**20}, "raw_ical"),
        ({"is_enabled": "perhaps"}, "is_enabled"),
    ],
)
def test_wrong_fields_are_named(client: httpx.Client, fields: dict[str, Any], field: str) -> None:
    answer = client.post("/calendar-feeds/", json={"title": "Timetable", **fields})
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_missing_title_is_required(client: httpx.Client) -> None:
    answer = client.post("/calendar-feeds/", json={})
    assert (answer.status_code, answer.json()) == (400, {"title": ["This field is required."]})


def test_unknown_course_is_404(client: httpx.Client) -> None:
    assert client.post("/calendar-feeds/", json={"title": "x", "course_id": 987654321}).status_code == 404
    feed = add(client)
    assert client.patch(f"/calendar-feeds/{feed['id']}/", json={"course_id": 987654321}).status_code == 404


def test_feeds_of_others_are_404(client: httpx.Client, services: Services) -> None:
    feed = add(client, raw_ical=calendar(LECTURE))
    stranger = make_person(services).headers
    path = f"/calendar-feeds/{feed['id']}/"
    for method, url in (("GET", path), ("PATCH", path), ("DELETE", path), ("POST", f"{path}refresh/")):
        assert client.request(method, url, json={}, headers=stranger).status_code == 404
    assert client.get("/calendar-feeds/", headers=stranger).json() == []


def test_an_uploaded_file_is_an_import(client: httpx.Client) -> None:
    files = {"file": ("exams.ics", calendar(LECTURE).encode("utf-16"), "text/calendar")}
    answer = client.post("/calendar-feeds/", data={"title": "Exams"}, files=files)
    assert answer.status_code == 201, answer.text
    assert answer.json()["event_count"] == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_files_of_other_encodings_are_calendars(client: httpx.Client, encoding: str) -> None:
    text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Grüße\r\nDTSTART:20310506T140000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    answer = client.post("/calendar-feeds/", data={"title": "File"}, files={"file": ("a.ics", text.encode(encoding))})
    assert answer.status_code == 201
    assert [event["title"] for event in answer.json()["import_summary"]["events"]] == ["Grüße"]


def test_null_characters_cost_nothing(client: httpx.Client) -> None:
    assert add(client, raw_ical=calendar(LECTURE).replace("Lecture", "Lec\0ture"))["event_count"] == 1
    assert entries(client)[0]["title"] == "Lecture"


def test_what_was_rejected_is_told(client: httpx.Client) -> None:
    feed = add(client, raw_ical=calendar(LECTURE, "UID:x\r\nSUMMARY:Broken\r\nDTSTART:tomorrow"))
    assert feed["import_summary"]["rejected"] == feed["rejected_count"] == 1
    assert feed["rejected"] == [{"line": 9, "item": "Broken", "reason": "“tomorrow” is no date"}]
    assert len(entries(client)) == 1


def test_repetitions_far_away_are_computed_when_somebody_looks(client: httpx.Client) -> None:
    add(client, raw_ical=calendar("UID:w\r\nDTSTART;TZID=Europe/Rome:20200106T090000\r\nRRULE:FREQ=WEEKLY\r\nSUMMARY:Weekly"))
    assert [entry["starts_at"] for entry in entries(client, "2077-07-01")] == ["2077-07-05T07:00:00+00:00"]
    assert [entry["starts_at"] for entry in entries(client, "2029-12-28")] == ["2029-12-31T08:00:00+00:00"]
    assert entries(client, "2019-07-01") == []


def test_far_years_of_many_calendars_cost_one_request_no_more_than_its_share(client: httpx.Client, services: Services) -> None:
    for number in range(3):
        add(client, title=f"{number}", raw_ical=calendar(f"UID:{number}\r\nDTSTART:20310506T1{number}0000Z\r\nRRULE:FREQ=YEARLY"))
    with ExitStack() as busy:
        for _ in range(2):
            busy.enter_context(preparing)
        assert entries(client, "2071-05-05") == []
    (_, texts, years) = services.reader.ask_now(get_week(date(2071, 5, 5), 7), session_of(client))[1]
    assert len(texts) == 3
    prepare_years(services.thread_pool, texts, years, seconds=0)
    assert len(services.reader.ask_now(get_week(date(2071, 5, 5), 7), session_of(client))[1][1]) == 2
    assert [entry["title"] for entry in entries(client, "2071-05-05")] == ["0", "1", "2"]


def session_of(client: httpx.Client) -> Credentials:
    return Credentials("session", client.headers["authorization"].removeprefix("Token "))


def test_floating_times_and_whole_days_follow_the_accounts_zone(client: httpx.Client) -> None:
    add(
        client,
        raw_ical=calendar("UID:1\r\nDTSTART:20310506T010000\r\nSUMMARY:Floating", "UID:2\r\nDTSTART;VALUE=DATE:20310507\r\nSUMMARY:Day"),
    )
    assert [entry["starts_at"] for entry in entries(client)] == ["2031-05-06T01:00:00+00:00", "2031-05-07T00:00:00+00:00"]
    client.patch("/planner-settings/", json={"time_zone": "Europe/Berlin"})
    assert [(entry["starts_at"], entry["all_day"]) for entry in entries(client)] == [
        ("2031-05-05T23:00:00+00:00", False), ("2031-05-06T22:00:00+00:00", True),
    ]  # fmt: skip
    days = {day["date"]: day["events"] for day in client.get("/activity/week/?start_date=2031-05-05").json()["days"]}
    assert (len(days["2031-05-06"]), len(days["2031-05-07"])) == (1, 1)


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        ("20310330", "2031-03-29T23:00:00+00:00", "2031-03-30T22:00:00+00:00"),
        ("20311026", "2031-10-25T22:00:00+00:00", "2031-10-26T23:00:00+00:00"),
    ],
)
def test_whole_days_end_at_midnight_also_when_the_clocks_change(client: httpx.Client, day: str, start: str, end: str) -> None:
    client.patch("/planner-settings/", json={"time_zone": "Europe/Rome"})
    party = f"UID:2\r\nDTSTART:{day}T003000\r\nDTEND:{day}T060000"
    add(client, raw_ical=calendar(f"UID:1\r\nDTSTART;VALUE=DATE:{day}", party))
    first, second = entries(client, f"{day[:4]}-{day[4:6]}-{day[6:]}", 1)
    assert (first["starts_at"], first["ends_at"]) == (start, end)
    assert second["ends_at"] == ("2031-03-30T04:00:00+00:00" if day == "20310330" else "2031-10-26T05:00:00+00:00")


@pytest.mark.parametrize(("zone", "crowd"), [(None, "20320505T090000Z"), ("Pacific/Honolulu", "20320506T090000Z")])
def test_a_crowded_day_takes_no_place_from_the_next(client: httpx.Client, zone: str | None, crowd: str) -> None:
    client.patch("/planner-settings/", json={"time_zone": zone})
    crowded = [f"UID:{number}\r\nDTSTART:{crowd}" for number in range(5001)]
    add(client, raw_ical=calendar(*crowded, "UID:next\r\nDTSTART:20320506T200000Z\r\nSUMMARY:Next"))
    assert [entry["title"] for entry in entries(client, "2032-05-06")] == ["Next"]


def test_floating_times_in_the_hour_that_is_left_out_do_not_end_before_they_begin(client: httpx.Client) -> None:
    client.patch("/planner-settings/", json={"time_zone": "Europe/Rome"})
    add(client, raw_ical=calendar("UID:1\r\nDTSTART:20310330T023000\r\nDTEND:20310330T030000"))
    (entry,) = entries(client, "2031-03-30", 1)
    assert entry["starts_at"] <= entry["ends_at"]


def test_a_floating_time_that_is_skipped_at_midnight_stands_on_the_next_day(client: httpx.Client) -> None:
    client.patch("/planner-settings/", json={"time_zone": "America/Nuuk"})
    add(client, raw_ical=calendar("UID:1\r\nDTSTART:20310329T233000"))
    assert [entry["starts_at"] for entry in entries(client, "2031-03-30")] == ["2031-03-30T01:30:00+00:00"]
    assert entries(client, "2031-03-23") == []


@pytest.mark.parametrize(
    ("zone", "start", "end", "shown"),
    [
        ("Europe/Berlin", "20261025T023000", "20261025T024500", ("2026-10-25T00:30:00+00:00", "2026-10-25T00:45:00+00:00")),
        ("Europe/Berlin", "20261025T013000", "20261025T023000", ("2026-10-24T23:30:00+00:00", "2026-10-25T00:30:00+00:00")),
        ("Europe/Berlin", "20261025T030000", "20261025T040000", ("2026-10-25T02:00:00+00:00", "2026-10-25T03:00:00+00:00")),
        ("Australia/Lord_Howe", "20270404T014500", "20270404T020000", ("2027-04-03T14:45:00+00:00", "2027-04-03T15:30:00+00:00")),
    ],
)
def test_of_floating_times_that_happen_twice_the_first_counts(
    client: httpx.Client, zone: str, start: str, end: str, shown: tuple[str, str]
) -> None:
    client.patch("/planner-settings/", json={"time_zone": zone})
    add(client, raw_ical=calendar(f"UID:1\r\nDTSTART:{start}\r\nDTEND:{end}\r\nSUMMARY:Night"))
    (entry,) = entries(client, f"{start[:4]}-{start[4:6]}-{start[6:8]}", 1)
    assert (entry["starts_at"], entry["ends_at"]) == shown


def test_the_same_event_twice_in_one_feed_shows_once_and_in_two_feeds_twice(client: httpx.Client) -> None:
    add(client, raw_ical=calendar(LECTURE, LECTURE))
    assert len(entries(client)) == 1
    add(client, raw_ical=calendar(LECTURE))
    assert len(entries(client)) == 2


ICAL = "https://calendar.google.com/calendar/ical/team%40group.calendar.google.com/public/basic.ics"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://calendar.google.com/calendar/embed?src=team%40group.calendar.google.com&ctz=Europe%2FRome", ICAL),
        ("https://calendar.google.com/calendar/u/0/r?cid=dGVhbUBncm91cC5jYWxlbmRhci5nb29nbGUuY29t", ICAL),
        ("https://calendar.google.com/calendar?cid=dGVhbUBncm91cC5jYWxlbmRhci5nb29nbGUuY29t", ICAL),
        ("https://calendar.google.com/calendar/u/0?cid=YUBiLmM", "https://calendar.google.com/calendar/ical/a%40b.c/public/basic.ics"),
        ("https://calendar.google.com/calendar/u/0?cid=team@group.calendar.google.com", ICAL),
        ("https://calendar.google.com/calendar/u/0?cid=AAAA", "https://calendar.google.com/calendar/u/0?cid=AAAA"),
        ("https://calendar.google.com/calendar/u/0?src=x%2Fy@z", "https://calendar.google.com/calendar/ical/x%2Fy%40z/public/basic.ics"),
        (
            "https://calendar.google.com/calendar/ical/a/private-9f/basic.ics",
            "https://calendar.google.com/calendar/ical/a/private-9f/basic.ics",
        ),
        ("https://calendar.google.com.evil.example/embed?src=a", "https://calendar.google.com.evil.example/embed?src=a"),
        ("https://p9-caldav.icloud.com/published/2/xyz", "https://p9-caldav.icloud.com/published/2/xyz"),
        ("webcal://p9-caldav.icloud.com/published/2/xyz", "https://p9-caldav.icloud.com/published/2/xyz"),
        ("WEBCALS://example.org/a?b=c", "https://example.org/a?b=c"),
        ("", ""),
        ("http://[broken", "http://[broken"),
    ],
)
def test_addresses_become_those_of_calendars(given: str, expected: str) -> None:
    assert calendar_address(given) == expected


def test_addresses_are_kept_as_they_are_read(client: httpx.Client) -> None:
    feed = add(client, source_url="webcal://127.0.0.1:9/a.ics")
    assert feed["source_url"] == "https://127.0.0.1:9/a.ics"
    changed = client.patch(f"/calendar-feeds/{feed['id']}/", json={"source_url": "webcal://127.0.0.1:9/b.ics"}).json()
    assert changed["source_url"] == "https://127.0.0.1:9/b.ics"


def test_a_removed_calendar_comes_back_from_the_recycle_bin(client: httpx.Client, door: httpx.Client, services: Services) -> None:
    feed = add(client, raw_ical=calendar(LECTURE))["id"]
    restore = f"/recycle-bin/calendar/{feed}/restore/"
    assert client.post(restore, json={}).status_code == 404
    client.delete(f"/calendar-feeds/{feed}/")
    assert entries(client) == []
    assert [(entry["kind"], entry["id"], entry["title"]) for entry in client.get("/recycle-bin/").json()] == [
        ("calendar", feed, "Timetable")
    ]
    assert door.post(f"/api/v1{restore}", json={}, headers=make_person(services).headers).status_code == 404
    back = client.post(restore, json={})
    assert (back.status_code, back.json()) == (200, client.get(f"/calendar-feeds/{feed}/").json())
    assert client.get("/recycle-bin/").json() == []
    assert [entry["title"] for entry in entries(client)] == ["Lecture"]


def test_the_limit_holds_also_at_once_from_the_bin_and_by_undo(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_FEEDS", 4)
    first = add(client)["id"]
    client.delete(f"/calendar-feeds/{first}/")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.post("/calendar-feeds/", json={"title": "x"}).status_code, range(16)))
    assert (sorted(answers), len(client.get("/calendar-feeds/").json())) == ([201] * 4 + [400] * 12, 4)
    assert client.post(f"/recycle-bin/calendar/{first}/restore/", json={}).status_code == 400
    removed = client.get("/calendar-feeds/").json()[0]["id"]
    client.delete(f"/calendar-feeds/{removed}/")
    change = client.get("/changes/").json()["results"][0]["id"]
    add(client)
    assert client.post("/undo/", json={"change": change}).status_code == 400
    assert len(client.get("/calendar-feeds/").json()) == 4
