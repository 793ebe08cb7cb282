"""The week and its deadlines (contract: planner_platform 3, 16.2)."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from projections.activity.week import MOST_OF_A_CALENDAR, MOST_OF_CALENDARS, get_week
from tests.accounts.people import Person, make_person
from tests.activity.conftest import WriteNote
from tests.planner.plans import create
from wiring import Services


def week(client: httpx.Client, query: str = "?start_date=2031-05-05") -> dict[str, Any]:
    answer = client.get(f"/activity/week/{query}")
    assert answer.status_code == 200, answer.text
    payload: dict[str, Any] = answer.json()
    return payload


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def test_seven_days_in_order_from_the_start(client: httpx.Client) -> None:
    payload = week(client)
    assert (payload["start_date"], payload["previous_week_start"], payload["next_week_start"]) == ("2031-05-05", "2031-04-28", "2031-05-12")
    assert [day["date"] for day in payload["days"]] == [f"2031-05-{day:02}" for day in range(5, 12)]
    assert all(day["events"] == [] for day in payload["days"])
    assert payload["deadlines"] == []


@pytest.mark.parametrize(
    ("start_date", "expected"),
    [
        ("2031-05-05T23:59:00-11:00", "2031-05-05"),
        ("2031-5-5", "2031-05-05"),
        ("2024-02-29", "2024-02-29"),
        ("", None), ("soon", None), ("2031-02-30", None), ("0001-01-01", None), ("9999-12-31", None), ("%00", None), ("2031", None),
    ],
)  # fmt: skip
def test_an_unreadable_start_is_today(client: httpx.Client, start_date: str, expected: str | None) -> None:
    assert week(client, f"?start_date={start_date}")["start_date"] == (expected or today())


@pytest.mark.parametrize(("days", "expected"), [("3", 3), ("30", 30), ("7", 7), ("8", 7), ("", 7), ("x", 7), ("-3", 7)])
def test_span(client: httpx.Client, days: str, expected: int) -> None:
    payload = week(client, f"?start_date=2031-05-05&days={days}")
    assert len(payload["days"]) == expected
    assert payload["next_week_start"] == "2031-05-12"


def test_plans_and_sessions_stand_on_their_day_in_order_of_time(client: httpx.Client, write_note: WriteNote) -> None:
    note_id = write_note()
    late = create(client, starts_at="2031-05-06T20:00:00Z")
    first = create(client, starts_at="2031-05-06T08:00:00.5Z", ends_at="2031-05-08T08:00:00Z")
    session = client.post("/note-sessions/", json={"note_id": note_id, "started_at": "2031-05-06T18:00:00Z"}).json()
    create(client, starts_at="2031-05-12T00:00:00Z")
    create(client, starts_at="2031-05-04T23:59:59Z")
    done = create(client)
    client.patch(f"/planner-events/{done['id']}/", json={"is_completed": True})
    gone = create(client)
    client.delete(f"/planner-events/{gone['id']}/")
    days = {day["date"]: day["events"] for day in week(client)["days"]}
    assert [day for day, events in days.items() if events] == ["2031-05-06"]
    entries = days["2031-05-06"]
    assert entries[0] == {**first, "kind": "plan", "source_id": first["id"]}
    assert entries[1] == session
    assert entries[2] == {**late, "kind": "plan", "source_id": late["id"]}


def test_deadlines_are_ranked_by_urgency(client: httpx.Client) -> None:
    now = datetime.now(UTC)
    soon = create(client, title="Soon", starts_at=(now + timedelta(hours=2)).isoformat(), difficulty_weight=1)
    heavy = create(client, title="Heavy", starts_at=(now + timedelta(hours=10)).isoformat(), difficulty_weight=50)
    far = create(client, title="Far", starts_at=(now + timedelta(hours=1000)).isoformat())
    create(client, title="Past", starts_at=(now - timedelta(days=1)).isoformat())
    deadlines = week(client, "?start_date=1999-01-01")["deadlines"]
    assert [deadline["id"] for deadline in deadlines] == [heavy["id"], soon["id"], far["id"]]
    assert deadlines[0]["urgency_score"] == pytest.approx(5, rel=0.01)
    assert deadlines[2]["urgency_score"] == pytest.approx(0.001, abs=0.0001)
    assert {**soon, "urgency_score": deadlines[1]["urgency_score"]} == deadlines[1]


def test_a_plan_of_earlier_today_counts_as_a_minute_away(client: httpx.Client) -> None:
    create(client, starts_at=f"{today()}T00:00:00Z", difficulty_weight=3)
    assert week(client)["deadlines"][0]["urgency_score"] == 180


def test_the_forty_earliest_are_taken(client: httpx.Client) -> None:
    for number in range(43):
        starts_at = f"2031-05-06T{number // 2:02}:{number % 2 * 30:02}:00Z"
        create(client, title=f"{number:02}", starts_at=starts_at, difficulty_weight=1 + number)
    titles = [deadline["title"] for deadline in week(client)["deadlines"]]
    assert sorted(titles) == [f"{number:02}" for number in range(40)]


ICAL = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20310506T190000Z\r\nSUMMARY:Lecture\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def test_a_calendar_that_is_all_on_one_day_is_cut(client: httpx.Client) -> None:
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{number}\r\nDTSTART:20310506T{number // 3600:02}{number // 60 % 60:02}{number % 60:02}Z\r\nEND:VEVENT\r\n"
        for number in range(MOST_OF_A_CALENDAR + 50)
    )
    feeds = 5
    for number in range(feeds):
        text = f"BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n"
        client.post("/calendar-feeds/", json={"title": f"{number}", "raw_ical": text}).raise_for_status()
    create(client)
    (day,) = [day["events"] for day in week(client)["days"] if day["events"]]
    of_feeds = Counter(entry["source_id"] for entry in day if entry["kind"] == "calendar")
    assert (max(of_feeds.values()), of_feeds.total()) == (MOST_OF_A_CALENDAR, MOST_OF_CALENDARS)
    assert [entry["starts_at"] for entry in day] == sorted(entry["starts_at"] for entry in day)
    assert len([entry for entry in day if entry["kind"] == "plan"]) == 1


def test_a_course_that_is_deleted_leaves_everything_behind_without_one(client: httpx.Client) -> None:
    courses = [client.post("/courses/", json={"title": title}).json()["id"] for title in ("First", "Second")]
    note = client.post("/notes/", json={"title": "Read", "content": "x", "course_id": courses[0]}).json()["id"]
    event = create(client, course_id=courses[0])
    feed = client.post("/calendar-feeds/", json={"title": "Timetable", "raw_ical": ICAL, "course_id": courses[0]}).json()
    session = client.post("/note-sessions/", json={"note_id": note, "started_at": "2031-05-06T08:00:00Z"}).json()

    def of() -> dict[str, int | None]:
        (day,) = [day for day in week(client)["days"] if day["events"]]
        return {entry["kind"]: entry["course_id"] for entry in day["events"]}

    assert of() == {"plan": courses[0], "calendar": courses[0], "note_session": courses[0]}
    client.patch(f"/planner-events/{event['id']}/", json={"course_id": courses[1]})
    client.patch(f"/calendar-feeds/{feed['id']}/", json={"course_id": courses[1]})
    client.patch(f"/notes/{note}/", json={"course_id": courses[1]})
    assert of() == {"plan": courses[1], "calendar": courses[1], "note_session": courses[1]}
    inbox = next(course["id"] for course in client.get("/courses/").json() if course["is_default"])
    assert client.delete(f"/courses/{courses[1]}/").status_code == 204
    assert of() == {"plan": None, "calendar": None, "note_session": inbox}
    assert client.get(f"/planner-events/{event['id']}/").json()["course_id"] is None
    assert client.get(f"/calendar-feeds/{feed['id']}/").json()["course_id"] is None
    assert client.get(f"/note-sessions/{session['id']}/").json()["course_id"] == inbox
    assert client.patch(f"/planner-events/{event['id']}/", json={"title": "Still there"}).status_code == 200


def test_sessions_of_trashed_notes_stay_and_can_be_started(client: httpx.Client) -> None:
    note = client.post("/notes/", json={"title": "Thrown", "content": "x"}).json()["id"]
    client.post("/note-sessions/", json={"note_id": note, "started_at": "2031-05-06T08:00:00Z"})
    assert note in [each["id"] for each in client.get("/activity/").json()]
    client.delete(f"/notes/{note}/")
    assert client.post("/note-sessions/", json={"note_id": note, "started_at": "2031-05-06T09:00:00Z"}).status_code == 201
    assert [entry["starts_at"][11:16] for day in week(client)["days"] for entry in day["events"]] == ["08:00", "09:00"]
    assert note not in [each["id"] for each in client.get("/activity/").json()]


def test_days_follow_the_accounts_zone(client: httpx.Client, write_note: WriteNote) -> None:
    client.patch("/planner-settings/", json={"time_zone": "Pacific/Auckland"})
    event = create(client, starts_at="2031-05-06T20:00:00Z")
    session = client.post("/note-sessions/", json={"note_id": write_note(), "started_at": "2031-05-06T20:30:00Z"}).json()
    days = {day["date"]: [entry["id"] for entry in day["events"]] for day in week(client)["days"]}
    assert days["2031-05-07"] == [event["id"], session["id"]]


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("Atlantic/Azores", "2026-10-25", "2026-10-25T00:30:00Z"),
        ("America/Havana", "2026-11-01", "2026-11-01T04:30:00Z"),
        ("America/Havana", "2026-11-01", "2026-11-01T05:30:00Z"),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z"),
    ],
)
def test_what_begins_in_a_midnight_that_happens_twice_stands_on_its_day(
    client: httpx.Client, write_note: WriteNote, zone: str, day: str, instant: str
) -> None:
    client.patch("/planner-settings/", json={"time_zone": zone})
    client.post("/note-sessions/", json={"note_id": write_note(), "started_at": instant, "ended_at": instant}).raise_for_status()
    events = f"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:{re.sub('[-:]', '', instant)}\r\nEND:VEVENT\r\n"
    events += f"BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:{day.replace('-', '')}\r\nEND:VEVENT\r\n"
    client.post("/calendar-feeds/", json={"title": "Night", "raw_ical": f"BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n"})
    of_start = date.fromisoformat(day)
    for start, expected in ((of_start - timedelta(7), []), (of_start - timedelta(3), [day] * 3), (of_start, [day] * 3)):
        days = week(client, f"?start_date={start}")["days"]
        assert [each["date"] for each in days for _ in each["events"]] == expected


def test_nobody_sees_the_weeks_of_others(client: httpx.Client, services: Services) -> None:
    create(client)
    payload = client.get("/activity/week/?start_date=2031-05-05", headers=make_person(services).headers).json()
    assert payload["deadlines"] == []
    assert all(day["events"] == [] for day in payload["days"])


def test_only_the_window_of_a_calendar_is_read_even_before_statistics_are_gathered(
    client: httpx.Client, services: Services, person: Person
) -> None:
    body = "".join(f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:20{n % 90 + 10}0506T090000Z\r\nEND:VEVENT\r\n" for n in range(3000))
    client.post("/calendar-feeds/", json={"title": "Long", "raw_ical": f"BEGIN:VCALENDAR\r\n{body}END:VCALENDAR\r\n"})
    query = get_week(date(2031, 5, 6), 7)
    with psycopg.connect(services.settings.conninfo()) as connection:
        plan = connection.execute(b"EXPLAIN " + query.sql.encode(), {**query.params, "viewer": person.account_id}).fetchall()
    conditions = [line.strip() for (line,) in plan if "Index Cond: ((text_id" in line or "Index Cond: (text_id" in line]
    assert any("starts_at >=" in line and "starts_at <" in line for line in conditions), plan
