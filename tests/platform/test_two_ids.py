"""Requests that name two things of different owners, in path or body: what is somebody else's is not reached through one's own.

Every route that takes two ids in its path has to stand in TWO_IDS.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from api.app import Door, area_routes
from api.paths import segments
from settings import load_settings
from tests.accounts.people import Person, make_person
from tests.door.serving import serving
from wiring import build_services, prepare

TWO_IDS = {
    "/api/v1/notes/{note_id:int}/attachments/{attachment_id:int}/",
    "/api/v1/notes/uuid/{note_uuid:uuid}/attachments/{attachment_id:int}/",
    "/api/v1/notes/{note_id:int}/history/{version_id:int}/",
    "/api/v1/notes/{note_id:int}/history/{old:int}/diff/{new:int}/",
    "/api/v1/notes/{note_id:int}/restore/{version_id:int}/",
}
REFUSED = (400, 403, 404)


class Owned(NamedTuple):
    """One person's things, by the names that paths give them."""

    person: Person
    ids: dict[str, Any]


@pytest.fixture(scope="module")
def people(module_database_url: str) -> Iterator[tuple[httpx.Client, Owned, Owned]]:
    settings = load_settings(database_url=module_database_url)
    prepare(settings)
    services = build_services(settings)
    with serving(Door(services, area_routes())) as client:
        yield client, _owned(client, make_person(services)), _owned(client, make_person(services))


def _owned(client: httpx.Client, person: Person) -> Owned:
    def post(path: str, **sent: Any) -> dict[str, Any]:
        answer = client.post(f"/api/v1{path}", headers=person.headers, **sent)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    course = post("/courses/", json={"title": f"Course of {person.username}", "description": ""})
    # So many events before the snapshot that no version of one note is one of the other's by chance.
    note = post("/notes/", json={"title": f"Secret of {person.username}", "content": "one", "course_id": course["id"]})
    attachment = post(f"/notes/{note['id']}/attachments/", files={"file": ("a.txt", person.username.encode())})
    for number in range(person.account_id * 3):
        client.patch(f"/api/v1/notes/{note['id']}/", json={"content": f"text {number}"}, headers=person.headers)
    post(f"/notes/{note['id']}/snapshot/", json={})
    history = client.get(f"/api/v1/notes/{note['id']}/history/", headers=person.headers).json()
    versions = history if isinstance(history, list) else history["versions"]
    version = versions[0].get("version_id", versions[0].get("id"))
    event = post("/planner-events/", json={"title": "Exam", "event_date": "2031-05-06"})
    ids = {
        "note_id": note["id"],
        "note_uuid": note["uuid"],
        "attachment_id": attachment["id"],
        "version_id": version,
        "old": version,
        "new": version,
        "course_id": course["id"],
        "event_id": event["id"],
    }
    return Owned(person, ids)


def test_every_route_with_two_ids_is_in_the_matrix() -> None:
    found = {route.path for route in area_routes() if sum(kind in ("int", "uuid") for kind, _ in segments(route.path) if kind) > 1}
    assert found == TWO_IDS


@pytest.mark.parametrize(
    ("method", "path"), sorted({(route.declared.method, route.path) for route in area_routes() if route.path in TWO_IDS})
)
def test_no_mixture_of_own_and_foreign_ids_is_served(people: tuple[httpx.Client, Owned, Owned], method: str, path: str) -> None:
    client, own, foreign = people
    names = [name for kind, name in segments(path) if kind]
    kinds = {name: kind for kind, name in segments(path) if kind}
    for choice in itertools.product((own, foreign), repeat=len(names)):
        # The own note with a version number that it does not have counts as foreign too; the wholly own one is the control.
        if all(owner is own for owner in choice):
            continue
        filled = path
        for name, owner in zip(names, choice, strict=True):
            filled = filled.replace(f"{{{name}:{kinds[name]}}}", str(owner.ids[name]))
        answer = client.request(method, filled, json=None if method == "GET" else {}, headers=own.person.headers)
        assert answer.status_code in REFUSED, f"{method} {filled}: {answer.status_code} {answer.text[:200]}"
        assert foreign.person.username not in answer.text


def test_foreign_ids_in_bodies_reach_nothing(people: tuple[httpx.Client, Owned, Owned]) -> None:
    client, own, foreign = people
    headers = own.person.headers
    note = client.patch(f"/api/v1/notes/{own.ids['note_id']}/", json={"course_id": foreign.ids["course_id"]}, headers=headers)
    assert note.status_code == 200
    assert note.json()["course_id"] != foreign.ids["course_id"]
    moved = client.post("/api/v1/courses/reorder/", json={"course_ids": [foreign.ids["course_id"], own.ids["course_id"]]}, headers=headers)
    assert moved.status_code == 200
    assert foreign.person.username not in moved.text
    session = client.post(
        "/api/v1/note-sessions/", json={"note_id": foreign.ids["note_id"], "started_at": "2031-05-06T10:00:00Z"}, headers=headers
    )
    assert session.status_code == 404
    assert foreign.person.username not in session.text


def test_foreign_things_are_as_they_were(people: tuple[httpx.Client, Owned, Owned]) -> None:
    client, _, foreign = people
    headers = foreign.person.headers
    note = client.get(f"/api/v1/notes/{foreign.ids['note_id']}/", headers=headers).json()
    assert note["title"] == f"Secret of {foreign.person.username}"
    [attachment] = client.get(f"/api/v1/notes/{foreign.ids['note_id']}/attachments/", headers=headers).json()
    assert attachment["id"] == foreign.ids["attachment_id"]
