"""The same command sent many times at once: one effect, one answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.accounts.people import Person, make_person
from wiring import Services

TIMES = 20


def _sent_at_once(door: httpx.Client, person: Person, method: str, path: str, body: object, key: str) -> list[httpx.Response]:
    headers = {**person.headers, "Idempotency-Key": key}
    with ThreadPoolExecutor(TIMES) as threads:
        return list(threads.map(lambda _: door.request(method, path, json=body, headers=headers), range(TIMES)))


def test_one_key_sent_twenty_times_makes_one_note_and_one_answer(door: httpx.Client, person: Person) -> None:
    answers = _sent_at_once(door, person, "POST", "/api/v1/notes/", {"title": "once", "content": "text"}, "create-1")
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    listed = door.get("/api/v1/notes/?limit=100", headers=person.headers).json()
    assert [note["title"] for note in listed["results"]].count("once") == 1


def test_one_key_sent_twenty_times_changes_a_note_once(door: httpx.Client, person: Person, services: Services) -> None:
    note = door.post("/api/v1/notes/", json={"title": "before", "content": "text"}, headers=person.headers).json()
    answers = _sent_at_once(door, person, "PATCH", f"/api/v1/notes/{note['id']}/", {"title": "after"}, "change-1")
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    with services.thread_pool.connection() as connection:
        row = connection.execute("SELECT count(*) FROM log.events WHERE stream = %s AND type = 'NoteRenamed'", (f"note-{note['id']}",))
        assert row.fetchone() == (1,)


def test_one_key_sent_twenty_times_deletes_once(door: httpx.Client, person: Person) -> None:
    note = door.post("/api/v1/notes/", json={"title": "gone", "content": "text"}, headers=person.headers).json()
    answers = _sent_at_once(door, person, "DELETE", f"/api/v1/notes/{note['id']}/", None, "delete-1")
    assert {answer.status_code for answer in answers} == {204}


def test_a_key_is_refused_for_another_request(door: httpx.Client, person: Person) -> None:
    headers = {**person.headers, "Idempotency-Key": "mine"}
    assert door.post("/api/v1/notes/", json={"title": "one"}, headers=headers).status_code == 201
    assert door.post("/api/v1/notes/", json={"title": "two"}, headers=headers).status_code == 409


def test_a_key_belongs_to_one_account(door: httpx.Client, person: Person, services: Services) -> None:
    other = make_person(services)
    answers = [
        door.post("/api/v1/notes/", json={"title": "ours"}, headers={**somebody.headers, "Idempotency-Key": "shared"})
        for somebody in (person, other)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]
