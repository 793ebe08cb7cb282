"""Planner events over HTTP, by the lines of the contract (planner_platform 2, 16.4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.accounts.people import Person, make_person
from tests.planner.plans import PLAN, change, create, listed, window
from wiring import Services

KEYS = {
    "id", "title", "event_date", "starts_at", "ends_at", "difficulty_weight", "description", "course_id", "is_completed",
    "completed_at", "client_event_id", "date_created", "last_edit",
}  # fmt: skip


def test_a_new_event_has_every_field(planner: httpx.Client) -> None:
    made = create(planner, description=" Chapter two ", difficulty_weight="3")
    assert set(made) == KEYS
    assert made["description"] == "Chapter two"
    assert made["difficulty_weight"] == 3
    assert made["course_id"] is None
    assert made["is_completed"] is False
    assert made["completed_at"] is None
    assert planner.get(f"/planner-events/{made['id']}/").json() == made


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("2031-05-06", "2031-05-06T12:00:00+00:00", "2031-05-06T13:00:00+00:00")),
        ({"event_date": "2031-5-6"}, ("2031-05-06", "2031-05-06T12:00:00+00:00", "2031-05-06T13:00:00+00:00")),
        ({"starts_at": "2031-05-08T09:00:00Z"}, ("2031-05-08", "2031-05-08T09:00:00+00:00", "2031-05-08T10:00:00+00:00")),
        ({"starts_at": "2031-05-06T14:00:00.250"}, ("2031-05-06", "2031-05-06T14:00:00.250000+00:00", "2031-05-06T15:00:00.250000+00:00")),
        ({"starts_at": "2031-05-06T23:30:00-05:00"}, ("2031-05-07", "2031-05-07T04:30:00+00:00", "2031-05-07T05:30:00+00:00")),
        (
            {"starts_at": "2031-05-06T14:00", "ends_at": "2031-05-06T13:00"},
            ("2031-05-06", "2031-05-06T14:00:00+00:00", "2031-05-06T15:00:00+00:00"),
        ),
        (
            {"starts_at": "2031-05-06T14:00", "ends_at": "2031-05-07T13:00"},
            ("2031-05-06", "2031-05-06T14:00:00+00:00", "2031-05-07T13:00:00+00:00"),
        ),
        ({"starts_at": "2031-05-09"}, ("2031-05-09", "2031-05-09T00:00:00+00:00", "2031-05-09T01:00:00+00:00")),
        ({"starts_at": None, "ends_at": None}, ("2031-05-06", "2031-05-06T12:00:00+00:00", "2031-05-06T13:00:00+00:00")),
    ],
)
def test_window_of_a_new_event(planner: httpx.Client, fields: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert window(create(planner, **fields)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event_date": "2031-05-09"}, ("2031-05-09", "2031-05-09T14:00:00+00:00", "2031-05-09T16:30:00+00:00")),
        ({"starts_at": "2031-05-06T15:00:00Z"}, ("2031-05-06", "2031-05-06T15:00:00+00:00", "2031-05-06T17:30:00+00:00")),
        ({"starts_at": None}, ("2031-05-06", "2031-05-06T12:00:00+00:00", "2031-05-06T14:30:00+00:00")),
        ({"starts_at": None, "event_date": "2031-05-10"}, ("2031-05-10", "2031-05-10T12:00:00+00:00", "2031-05-10T14:30:00+00:00")),
        ({"ends_at": "2031-05-06T14:10:00Z"}, ("2031-05-06", "2031-05-06T14:00:00+00:00", "2031-05-06T14:10:00+00:00")),
        ({"ends_at": "2031-05-06T10:00:00Z"}, ("2031-05-06", "2031-05-06T14:00:00+00:00", "2031-05-06T15:00:00+00:00")),
        ({"ends_at": None}, ("2031-05-06", "2031-05-06T14:00:00+00:00", "2031-05-06T15:00:00+00:00")),
        (
            {"starts_at": "2031-05-07T08:00:00Z", "ends_at": "2031-05-07T08:30:00Z", "event_date": "2031-01-01"},
            ("2031-05-07", "2031-05-07T08:00:00+00:00", "2031-05-07T08:30:00+00:00"),
        ),
        ({}, ("2031-05-06", "2031-05-06T14:00:00+00:00", "2031-05-06T16:30:00+00:00")),
    ],
)
def test_window_after_a_change(planner: httpx.Client, fields: dict[str, Any], expected: tuple[str, str, str]) -> None:
    made = create(planner, starts_at="2031-05-06T14:00:00Z", ends_at="2031-05-06T16:30:00Z")
    assert window(change(planner, made, **fields)) == expected


def test_an_empty_change_answers_the_unchanged_object(planner: httpx.Client) -> None:
    made = create(planner)
    assert change(planner, made) == made


def test_completion_takes_an_event_out_of_the_list_and_reopening_puts_it_back(planner: httpx.Client) -> None:
    made = create(planner)
    done = change(planner, made, is_completed=True)
    assert done["is_completed"] is True
    assert done["completed_at"].endswith("+00:00")
    assert listed(planner) == []
    again = change(planner, made, is_completed=True)
    assert again["completed_at"] == done["completed_at"]
    open_again = change(planner, made, is_completed=False, completed_at="2031-05-06T10:00:00Z")
    assert open_again["completed_at"] is None
    assert [event["id"] for event in listed(planner)] == [made["id"]]


def test_a_given_time_of_completion_is_kept(planner: httpx.Client) -> None:
    made = create(planner, completed_at="2031-05-06T10:00:00.000Z")
    assert (made["is_completed"], made["completed_at"]) == (False, "2031-05-06T10:00:00+00:00")
    done = change(planner, made, is_completed=True, completed_at="2031-05-07T11:00:00Z")
    assert done["completed_at"] == "2031-05-07T11:00:00+00:00"
    alone = change(planner, made, completed_at=None)
    assert (alone["is_completed"], alone["completed_at"]) == (True, None)
    made_done = create(planner, is_completed=True)
    assert made_done["completed_at"] is not None


def test_list_is_ordered_by_day_title_and_id(planner: httpx.Client) -> None:
    late = create(planner, title="A", event_date="2031-06-01")
    second = create(planner, title="B")
    first = create(planner, title="A")
    twin = create(planner, title="A")
    assert [event["id"] for event in listed(planner)] == [first["id"], twin["id"], second["id"], late["id"]]


def test_list_options(planner: httpx.Client) -> None:
    made = [create(planner, title=title) for title in "ABC"]
    change(planner, made[0], is_completed=True)
    assert [event["title"] for event in listed(planner, "?include_completed=true")] == ["A", "B", "C"]
    assert [event["title"] for event in listed(planner, "?limit=1")] == ["B"]
    assert [event["title"] for event in listed(planner, "?limit=0")] == ["B"]
    assert [event["title"] for event in listed(planner, "?limit=-5&include_completed=1")] == ["A"]
    for unreadable in ("x", "", "999999999999999999999", "%00"):
        assert len(listed(planner, f"?limit={unreadable}&include_completed=no")) == 2


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"title": None}, {"title": ["This field may not be null."]}),
        ({"title": "  "}, {"title": ["This field may not be blank."]}),
        ({"title": "x" * 121}, {"title": ["Ensure this field has no more than 120 characters."]}),
        ({"title": True}, {"title": ["Not a valid string."]}),
        ({"event_date": "tomorrow"}, {"event_date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]}),
        ({"difficulty_weight": 0}, {"difficulty_weight": ["Ensure this value is greater than or equal to 1."]}),
        ({"difficulty_weight": 2**31}, {"difficulty_weight": ["Ensure this value is less than or equal to 2147483647."]}),
        ({"difficulty_weight": 1.5}, {"difficulty_weight": ["A valid integer is required."]}),
        ({"description": "x" * 256}, {"description": ["Ensure this field has no more than 255 characters."]}),
        ({"is_completed": None}, {"is_completed": ["This field may not be null."]}),
        ({"is_completed": "maybe"}, {"is_completed": ["Must be a valid boolean."]}),
        ({"starts_at": "0001-01-01T00:00:00"}, {"starts_at": ["Date is out of range."]}),
        ({"starts_at": "9999-12-31T23:59:59"}, {"starts_at": ["Date is out of range."]}),
        ({"event_date": "9999-12-31"}, {"event_date": ["Date is out of range."]}),
        ({"event_date": "9999-12-31", "starts_at": None}, {"event_date": ["Date is out of range."]}),
        ({"ends_at": "9999-12-31T00:00:00Z"}, {"ends_at": ["Date is out of range."]}),
        ({"starts_at": "9998-12-31T23:30:00Z", "ends_at": None}, {"starts_at": ["Date is out of range."]}),
        ({"completed_at": "9999-12-31T23:59:59"}, {"completed_at": ["Date is out of range."]}),
    ],
)
def test_wrong_fields_are_named(planner: httpx.Client, fields: dict[str, Any], errors: dict[str, list[str]]) -> None:
    answer = planner.post("/planner-events/", json={**PLAN, **fields})
    assert (answer.status_code, answer.json()) == (400, errors)
    made = create(planner)
    answer = planner.patch(f"/planner-events/{made['id']}/", json=fields)
    assert (answer.status_code, answer.json()) == (400, errors)
    assert planner.get(f"/planner-events/{made['id']}/").json() == made


@pytest.mark.parametrize(("zone", "edge"), [("Pacific/Pago_Pago", "9999-12-31T23:59:59"), ("Europe/Berlin", "0001-01-01T00:00:00")])
@pytest.mark.parametrize("field", ["starts_at", "ends_at", "completed_at"])
def test_times_that_no_instant_can_hold_are_refused(planner: httpx.Client, zone: str, edge: str, field: str) -> None:
    planner.patch("/planner-settings/", json={"time_zone": zone})
    made = create(planner)
    for answer in (
        planner.post("/planner-events/", json={**PLAN, "is_completed": True, field: edge}),
        planner.patch(f"/planner-events/{made['id']}/", json={field: edge}),
    ):
        assert (answer.status_code, answer.json()) == (400, {field: ["Date is out of range."]})


def test_the_first_and_the_last_day_have_plans(planner: httpx.Client) -> None:
    for day in ("0002-01-01", "9998-12-31"):
        assert create(planner, event_date=day)["event_date"] == day


def test_missing_fields_are_named_together(planner: httpx.Client) -> None:
    answer = planner.post("/planner-events/", json={"starts_at": "2031-05-06T14:00:00Z"})
    required = ["This field is required."]
    assert (answer.status_code, answer.json()) == (400, {"title": required, "event_date": required})


def test_a_course_that_is_no_positive_number_is_no_course(planner: httpx.Client) -> None:
    no_courses: tuple[object, ...] = (None, 0, -7, "-7", "local-3", 1.5, True, [], {})
    for course_id in no_courses:
        assert create(planner, course_id=course_id)["course_id"] is None


@pytest.mark.parametrize("course_id", [987654321, "987654321", 2**63 - 1, 10**30])
def test_an_unknown_course_is_404(planner: httpx.Client, course_id: Any) -> None:
    answer = planner.post("/planner-events/", json={**PLAN, "course_id": course_id})
    assert answer.status_code == 404
    assert "detail" in answer.json()
    made = create(planner)
    assert planner.patch(f"/planner-events/{made['id']}/", json={"course_id": course_id}).status_code == 404


def test_description_null_is_shown_as_empty(planner: httpx.Client) -> None:
    made = create(planner, description="Something")
    assert change(planner, made, description=None)["description"] == ""
    assert create(planner, description=None)["description"] == ""


def test_deleted_event_is_gone_from_everywhere(planner: httpx.Client) -> None:
    made = create(planner)
    answer = planner.delete(f"/planner-events/{made['id']}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert listed(planner, "?include_completed=1") == []
    for method in ("GET", "PATCH", "DELETE"):
        assert planner.request(method, f"/planner-events/{made['id']}/", json={}).status_code == 404
    assert planner.get(f"/planner-events/{made['id']}/trail/").status_code == 404


def test_foreign_event_is_404(planner: httpx.Client, services: Services) -> None:
    made = create(planner)
    stranger = make_person(services)
    for method in ("GET", "PATCH", "DELETE"):
        answer = planner.request(method, f"/planner-events/{made['id']}/", json={}, headers=stranger.headers)
        assert answer.status_code == 404
    assert planner.get(f"/planner-events/{made['id']}/trail/", headers=stranger.headers).status_code == 404
    assert planner.get(f"/planner-events/{made['id']}/").json() == made


def test_upload_with_a_known_client_id_finds_its_event(planner: httpx.Client) -> None:
    first = planner.post("/planner-events/", json={**PLAN, "client_event_id": "draft-1"})
    second = planner.post("/planner-events/", json={**PLAN, "title": "Other", "client_event_id": "draft-1"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    planner.delete(f"/planner-events/{first.json()['id']}/")
    third = planner.post("/planner-events/", json={**PLAN, "client_event_id": "draft-1"})
    assert (third.status_code, third.json()["id"]) == (200, first.json()["id"])
    assert len(listed(planner)) == 1


def test_an_empty_client_id_is_none(planner: httpx.Client, services: Services) -> None:
    made = [create(planner, client_event_id=given) for given in ("", " ", None)]
    assert {event["client_event_id"] for event in made} == {None}
    assert len({event["id"] for event in made}) == 3
    own = create(planner, client_event_id="draft-3")
    foreign = planner.post("/planner-events/", json={**PLAN, "client_event_id": "draft-3"}, headers=make_person(services).headers)
    assert (foreign.status_code, foreign.json()["id"] != own["id"]) == (201, True)


def test_uploads_with_one_client_id_at_the_same_moment_make_one_event(planner: httpx.Client) -> None:
    def upload(_: int) -> tuple[int, int]:
        answer = planner.post("/planner-events/", json={**PLAN, "client_event_id": "draft-2"})
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(upload, range(8)))
    assert sorted(status for status, _ in answers) == [200] * 7 + [201]
    assert len({event_id for _, event_id in answers}) == 1


def test_changes_of_different_fields_at_the_same_moment_are_all_kept(planner: httpx.Client) -> None:
    made = create(planner)
    fields: list[dict[str, Any]] = [{"title": "New"}, {"difficulty_weight": 5}, {"description": "Text"}, {"is_completed": True}]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda changed: change(planner, made, **changed), fields))
    now = planner.get(f"/planner-events/{made['id']}/").json()
    assert (now["title"], now["difficulty_weight"], now["description"], now["is_completed"]) == ("New", 5, "Text", True)


def test_idempotency_key_makes_one_event(planner: httpx.Client) -> None:
    headers = {"Idempotency-Key": "plan-1"}
    answers = [planner.post("/planner-events/", json=PLAN, headers=headers) for _ in range(3)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert len(listed(planner)) == 1


def test_trail_tells_slips_and_completion(planner: httpx.Client) -> None:
    made = create(planner)
    change(planner, made, event_date="2031-05-08")
    change(planner, made, event_date="2031-05-07")
    change(planner, made, title="Other")
    change(planner, made, is_completed=True)
    change(planner, made, is_completed=False)
    steps = planner.get(f"/planner-events/{made['id']}/trail/").json()
    assert [(step["step"], step["slipped_days"]) for step in steps] == [
        ("created", 0), ("moved", 2), ("moved", -1), ("completed", 0), ("reopened", 0),
    ]  # fmt: skip
    assert (steps[1]["from_date"], steps[1]["to_date"]) == ("2031-05-06", "2031-05-08")


def test_slips_and_streaks_can_be_read_from_the_log(planner: httpx.Client, services: Services) -> None:
    plans = [create(planner, title=f"Day {day}", event_date=f"2031-05-0{day}") for day in (1, 2, 3)]
    change(planner, plans[2], event_date="2031-05-09")
    for day, made in enumerate(plans, 1):
        change(planner, made, is_completed=True, completed_at=f"2031-05-0{day}T20:00:00Z")
    planner.delete(f"/planner-events/{plans[0]['id']}/")
    streams = [f"planner-event-{made['id']}" for made in plans]
    with services.thread_pool.connection() as connection:
        rows = connection.execute(
            "SELECT stream, type, convert_from(data, 'UTF8')::json FROM log.events WHERE stream = ANY(%s) ORDER BY position", (streams,)
        ).fetchall()
    moved = [(stream, data["event_date"]) for stream, kind, data in rows if kind == "PlannerEventMoved"]
    completed = [data["completed_at"][:10] for _, kind, data in rows if kind == "PlannerEventCompleted"]
    assert (moved, completed) == ([(streams[2], "2031-05-09")], ["2031-05-01", "2031-05-02", "2031-05-03"])
    assert rows[-1][:2] == (streams[0], "PlannerEventDeleted")
    assert planner.post(f"/recycle-bin/event/{plans[0]['id']}/restore/").status_code == 200
    steps = [step["step"] for step in planner.get(f"/planner-events/{plans[0]['id']}/trail/").json()]
    assert steps == ["created", "completed", "deleted", "restored"]


def test_hostile_text_comes_back_as_it_was(planner: httpx.Client, person: Person) -> None:
    title = '"},{"id":1,\\u001a\x01 <script>\u202e%(viewer)s'
    made = create(planner, title=title, description="a\nb")
    assert listed(planner) == [made]
    assert made["title"] == title
    for broken in (b'{"title": "\\ud80", "event_date": "2031-05-06"}', b'{"title": "a\\u0000b", "event_date": "2031-05-06"}'):
        answer = planner.post("/planner-events/", content=broken, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
