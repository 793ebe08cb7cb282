"""The front page (contract: planner_platform 9, clients 10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.accounts.people import make_person
from tests.activity.conftest import WriteNote
from wiring import Services

ANONYMOUS_KEYS = {"default_course", "carousel_courses", "recent_notes", "recommended_notes", "collections"}


def page(client: httpx.Client, path: str = "/front-page/") -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    payload: dict[str, Any] = answer.json()
    return payload


def test_anonymous_callers_see_public_notes_only(door: httpx.Client, client: httpx.Client, write_note: WriteNote) -> None:
    public = [write_note(public=True) for _ in range(13)]
    private = write_note(title="Nobody's business")
    payload = page(door, "/api/v1/front-page/")
    assert set(payload) == ANONYMOUS_KEYS
    assert [note["id"] for note in payload["recommended_notes"]] == public[:0:-1]
    assert payload["recent_notes"] == payload["recommended_notes"][:6]
    assert "Nobody's business" not in door.get("/api/v1/front-page/").text
    assert private not in [note["id"] for note in page(client)["recommended_notes"]]


def test_no_inbox_of_others_is_shown(door: httpx.Client, client: httpx.Client, services: Services) -> None:
    make_person(services)
    payload = page(door, "/api/v1/front-page/")
    assert not any(course["is_default"] for course in payload["carousel_courses"])
    own = page(client)
    assert [course["is_default"] for course in own["carousel_courses"]].count(True) <= 1


def test_courses_are_shown_in_order_with_the_own_inbox_first(client: httpx.Client) -> None:
    titles = [f"Course {number}" for number in range(7)]
    for title in titles:
        assert client.post("/courses/", json={"title": title}).status_code == 201
    payload = page(client)
    assert payload["collections"] == payload["carousel_courses"]
    assert len(payload["carousel_courses"]) == 6
    assert payload["default_course"]["is_default"] is True
    assert payload["carousel_courses"] == client.get("/courses/").json()[:6]


def test_somebody_signed_in_sees_what_lies_ahead(client: httpx.Client) -> None:
    today = datetime.now(UTC).date()
    events = []
    for number in range(9):
        body = {"title": f"{9 - number}", "event_date": (today + timedelta(days=number // 3)).isoformat()}
        events.append(client.post("/planner-events/", json=body).json())
    client.post("/planner-events/", json={"title": "Past", "event_date": (today - timedelta(days=1)).isoformat()})
    client.patch(f"/planner-events/{events[0]['id']}/", json={"is_completed": True})
    payload = page(client)
    assert set(payload) == {*ANONYMOUS_KEYS, "heatmap", "upcoming_events"}
    assert payload["heatmap"] == client.get("/heatmap/").json()
    expected = sorted(events[1:], key=lambda event: (event["event_date"], event["title"]))
    assert payload["upcoming_events"] == expected


def test_nothing_private_of_others_is_on_it(client: httpx.Client, door: httpx.Client, services: Services) -> None:
    course = client.post("/courses/", json={"title": "AAA shared"}).json()["id"]
    secret = {"title": "Sealed title", "content": "Sealed words", "description": "Sealed words", "course_id": course}
    client.post("/notes/", json={"title": "Open", "content": "x", "is_public": True, "course_id": course})
    sealed = client.post("/notes/", json=secret).json()["id"]
    was_public = client.post("/notes/", json={**secret, "title": "Sealed later", "is_public": True}).json()["id"]
    client.patch(f"/notes/{was_public}/", json={"is_public": False})
    thrown = client.post("/notes/", json={**secret, "title": "Sealed by deletion", "is_public": True}).json()["id"]
    client.delete(f"/notes/{thrown}/")
    client.post("/planner-events/", json={"title": "Sealed plan", "event_date": datetime.now(UTC).date().isoformat()})
    stranger = make_person(services).headers
    door.post(f"/api/v1/courses/{course}/subscribe/", headers=stranger, json={})
    own_of_stranger = door.post(
        "/api/v1/notes/", headers=stranger, json={"title": "Stranger's own", "content": "x", "course_id": course}
    ).json()
    for headers in ({}, stranger):
        for path in ("front-page", "courses", "activity", f"courses/{course}/notes"):
            assert "Sealed" not in door.get(f"/api/v1/{path}/", headers=headers).text
    of_course = {each["id"]: each for each in page(client)["carousel_courses"]}[course]
    assert [note["id"] for note in of_course["recent_notes"]][:2] == [was_public, sealed]
    assert "Stranger's own" not in client.get("/front-page/").text
    if own_of_stranger["course_id"] == course:
        assert "Stranger's own" in door.get("/api/v1/front-page/", headers=stranger).text


def test_the_newest_of_a_course_are_public_and_own_ones_together(client: httpx.Client, door: httpx.Client) -> None:
    course = client.post("/courses/", json={"title": "AAB mixed"}).json()["id"]
    made = [
        client.post("/notes/", json={"title": f"{number}", "content": "x", "is_public": public, "course_id": course}).json()["id"]
        for number, public in enumerate([False, True, True, True, False, True, True, False])
    ]
    newest = {each["id"]: each["recent_notes"] for each in client.get("/courses/").json()}[course]
    assert [note["id"] for note in newest] == made[:2:-1]
    of_anybody = {each["id"]: each["recent_notes"] for each in door.get("/api/v1/courses/").json()}[course]
    assert [note["id"] for note in of_anybody] == [made[number] for number in (6, 5, 3, 2, 1)]


def test_a_bad_token_is_401(door: httpx.Client) -> None:
    answer = door.get("/api/v1/front-page/", headers={"Authorization": "Token " + "0" * 40})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid token."})
