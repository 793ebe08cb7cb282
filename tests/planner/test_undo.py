"""Taking back what was done to plans and calendars, and bringing deleted plans back."""

from __future__ import annotations

import httpx

from tests.planner.plans import PLAN, create


def undo(planner: httpx.Client) -> int:
    return planner.post("/undo/", json={}).status_code


def test_changes_of_plans_are_taken_back(planner: httpx.Client) -> None:
    made = create(planner)
    path = f"/planner-events/{made['id']}/"
    for change in (
        {"title": "Other"},
        {"starts_at": "2031-06-01T10:00:00Z"},
        {"is_completed": True},
        {"difficulty_weight": 5, "description": "x"},
    ):
        before = planner.get(path).json()
        planner.patch(path, json=change)
        assert undo(planner) == 200
        after = planner.get(path).json()
        assert {**after, "last_edit": 0} == {**before, "last_edit": 0}


def test_making_and_deleting_are_taken_back(planner: httpx.Client) -> None:
    made = create(planner)
    path = f"/planner-events/{made['id']}/"
    planner.delete(path)
    assert undo(planner) == 200
    assert planner.get(path).status_code == 200
    other = create(planner, title="Made by mistake")
    assert undo(planner) == 200
    assert planner.get(f"/planner-events/{other['id']}/").status_code == 404


def test_a_change_under_a_newer_one_is_not_taken_back(planner: httpx.Client) -> None:
    made = create(planner)
    path = f"/planner-events/{made['id']}/"
    planner.patch(path, json={"title": "Second"})
    change_id = planner.get("/changes/").json()["results"][0]["id"]
    planner.patch(path, json={"title": "Third"})
    answer = planner.post("/undo/", json={"change": change_id})
    assert (answer.status_code, list(answer.json())) == (409, ["detail"])
    assert planner.get(path).json()["title"] == "Third"


def test_deleted_plans_come_back_from_the_bin(planner: httpx.Client) -> None:
    made = create(planner)
    planner.delete(f"/planner-events/{made['id']}/")
    assert made["id"] in [entry["id"] for entry in planner.get("/recycle-bin/").json()]
    answer = planner.post(f"/recycle-bin/event/{made['id']}/restore/")
    assert (answer.status_code, answer.json()["title"]) == (200, PLAN["title"])
    assert [event["id"] for event in planner.get("/planner-events/").json()] == [made["id"]]


def test_changes_of_calendars_are_taken_back(planner: httpx.Client) -> None:
    feed = planner.post("/calendar-feeds/", json={"title": "Timetable"}).json()
    path = f"/calendar-feeds/{feed['id']}/"
    planner.patch(path, json={"title": "Other", "is_enabled": False})
    assert undo(planner) == 200
    present = planner.get(path).json()
    assert (present["title"], present["is_enabled"]) == ("Timetable", True)
    planner.delete(path)
    assert undo(planner) == 200
    assert planner.get(path).status_code == 200


def test_texts_of_calendars_are_put_back(planner: httpx.Client) -> None:
    first, second = (ICAL.replace("Lecture", title) for title in ("First", "Second"))
    path = f"/calendar-feeds/{planner.post('/calendar-feeds/', json={'title': 'Timetable', 'raw_ical': first}).json()['id']}/"
    planner.patch(path, json={"title": "Other", "raw_ical": second})
    assert lectures(planner) == ["Second"]
    assert undo(planner) == 200
    assert (lectures(planner), planner.get(path).json()["title"]) == (["First"], "Timetable")
    planner.patch(path, json={"raw_ical": ""})
    assert undo(planner) == 200
    assert lectures(planner) == ["First"]


def test_a_first_text_is_taken_away_again(planner: httpx.Client) -> None:
    path = f"/calendar-feeds/{planner.post('/calendar-feeds/', json={'title': 'Timetable'}).json()['id']}/"
    planner.patch(path, json={"raw_ical": ICAL})
    assert lectures(planner) == ["Lecture"]
    assert undo(planner) == 200
    assert (lectures(planner), planner.get(path).json()["state"]) == ([], "empty")


def test_a_text_that_a_newer_one_replaced_is_not_put_back(planner: httpx.Client) -> None:
    path = f"/calendar-feeds/{planner.post('/calendar-feeds/', json={'title': 'Timetable', 'raw_ical': ICAL}).json()['id']}/"
    planner.patch(path, json={"raw_ical": ICAL.replace("Lecture", "Second")})
    change = planner.get("/changes/").json()["results"][0]["id"]
    planner.patch(path, json={"raw_ical": ICAL.replace("Lecture", "Third")})
    assert planner.post("/undo/", json={"change": change}).status_code == 409
    assert lectures(planner) == ["Third"]


ICAL = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20310506T090000Z\r\nSUMMARY:Lecture\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def lectures(planner: httpx.Client) -> list[str]:
    days = planner.get("/activity/week/?start_date=2031-05-05").json()["days"]
    return [entry["title"] for day in days for entry in day["events"]]
