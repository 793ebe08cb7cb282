"""Deleting a course: its notes move, nothing is lost, and it can come back (contract: notes 3.6, 3.10)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from commands.context import Context
from commands.courses.inbox import inbox_of
from tests.door.people import Person
from wiring import Services

MakeCourse = Callable[..., dict[str, Any]]
MakeNote = Callable[..., int]
Inbox = Callable[[Person], int]


def notes_of(server: httpx.Client, course_id: int, reader: Person) -> dict[int, str]:
    return {note["id"]: note["last_edit"] for note in server.get(f"courses/{course_id}/notes/", headers=reader.headers).json()}


def test_notes_go_to_the_inboxes_of_their_authors(
    server: httpx.Client, make_course: MakeCourse, make_note: MakeNote, inbox: Inbox, mira: Person, noah: Person
) -> None:
    course = make_course(mira)["id"]
    own, foreign = make_note(mira, course), make_note(noah, course)
    before = notes_of(server, course, mira)
    assert server.delete(f"courses/{course}/", headers=mira.headers).status_code == 204
    assert server.get(f"courses/{course}/").status_code == 404
    assert server.delete(f"courses/{course}/", headers=mira.headers).status_code == 404
    assert notes_of(server, inbox(mira), mira) == {own: before[own]}
    assert set(notes_of(server, inbox(noah), noah)) == {foreign}
    home = server.get(f"courses/{inbox(mira)}/", headers=mira.headers).json()
    assert (home["title"], home["description"], home["is_default"]) == ("Inbox", "Default category", True)


def test_order_of_refusals_when_deleting(server: httpx.Client, make_course: MakeCourse, inbox: Inbox, mira: Person, noah: Person) -> None:
    course = make_course(mira)["id"]
    assert server.delete("courses/999999999/").json() == {"detail": "Authentication credentials were not provided."}
    assert server.delete("courses/999999999/", headers=noah.headers).status_code == 404
    foreign = server.delete(f"courses/{course}/", headers=noah.headers)
    assert (foreign.status_code, foreign.json()) == (403, {"detail": "You can only delete your own categories."})
    default = server.delete(f"courses/{inbox(mira)}/", headers=mira.headers)
    assert (default.status_code, default.json()) == (400, {"detail": "The default category cannot be deleted."})


def test_one_inbox_however_many_open_it_at_once(services: Services, server: httpx.Client, mira: Person) -> None:
    context = Context(actor=mira.account_id, channel="web")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: services.commands.run(lambda work: inbox_of(work, mira.account_id), context).result, range(16)))
    assert len(set(found)) == 1
    course = server.get(f"courses/{found[0]}/").json()
    assert (course["slug"], course["is_default"]) == (f"inbox-{mira.account_id}", True)


def test_note_that_is_filed_while_its_course_is_deleted_lands_in_the_inbox(
    server: httpx.Client, make_course: MakeCourse, inbox: Inbox, mira: Person
) -> None:
    home = inbox(mira)
    loose = server.post("notes/", json={"title": "loose"}, headers=mira.headers).json()["id"]

    def act(action: int, course: int) -> httpx.Response:
        if action == 0:
            return server.delete(f"courses/{course}/", headers=mira.headers)
        if action == 1:
            return server.patch(f"notes/{loose}/", json={"course_id": course}, headers=mira.headers)
        return server.post("notes/", json={"title": f"new {action}", "course_id": course}, headers=mira.headers)

    with ThreadPoolExecutor(6) as threads:
        for _ in range(15):
            course = make_course(mira)["id"]
            answers = [threads.submit(act, action, course) for action in (2, 1, 0, 3, 4, 5)]
            assert {answer.result().status_code for answer in answers} <= {200, 201, 204}
            listed = server.get("notes/", params={"limit": 100}, headers=mira.headers).json()["results"]
            assert {note["course_id"] for note in listed} == {home}
            assert server.patch(f"notes/{loose}/", json={"course_id": None}, headers=mira.headers).status_code == 200
