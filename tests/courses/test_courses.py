"""Creating, changing, arranging and reading courses (contract: notes 3)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from commands.context import Context
from commands.courses.aggregate import Course
from commands.handling import Work
from commands.lookups import Lookups
from eventstore.events.courses import CourseCreated
from tests.door.people import Person
from wiring import Services

MakeCourse = Callable[..., dict[str, Any]]
MakeNote = Callable[..., int]
Inbox = Callable[[Person], int]


def titles(courses: list[dict[str, Any]]) -> list[str]:
    return [course["title"] for course in courses]


def test_created_course_has_all_fields(server: httpx.Client, mira: Person) -> None:
    answer = server.post("courses/", json={"title": " Biology ", "description": None, "icon": 58332}, headers=mira.headers)
    assert answer.status_code == 201
    course = answer.json()
    assert course["title"] == "Biology"
    assert course["description"] == ""
    assert course["owner"]["username"] == mira.username
    assert course["slug"].startswith("biology")
    expected: dict[str, Any] = {
        "icon": 58332,
        "is_default": False,
        "sort_order": 0,
        "client_course_id": None,
        "cover_image_url": "",
        "subscriber_count": 0,
        "is_subscribed": False,
        "is_private_subscription": False,
        "is_owned": True,
        "last_opened_at": None,
        "recent_notes": [],
        "media": [],
        "color_hue": None,
    }
    assert {name: course[name] for name in expected} == expected
    assert server.get(f"courses/{course['id']}/").json() == course | {"is_owned": False}


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Vibe Coding 101!", "vibe-coding-101"),
        ("C++ & C#", "c-c"),
        ("日本語", "local-course"),
        ("Éa  x_y", "ea-x-y"),
        ("z" * 120, "z" * 100),
    ],
)
def test_slug_of_a_title(server: httpx.Client, make_course: MakeCourse, mira: Person, title: str, slug: str) -> None:
    assert make_course(mira, title)["slug"] == slug
    assert make_course(mira, title)["slug"] == f"{slug}-2"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"title": ["This field is required."]}),
        ({"title": "  "}, {"title": ["This field may not be blank."]}),
        ({"title": "x" * 121}, {"title": ["Ensure this field has no more than 120 characters."]}),
        ({"title": ["x"]}, {"title": ["Not a valid string."]}),
        ({"title": "x", "icon": "tree"}, {"icon": ["A valid integer is required."]}),
        ({"title": "x", "client_course_id": "y" * 65}, {"client_course_id": ["Ensure this field has no more than 64 characters."]}),
        ({"title": "a\0b"}, {"title": ["Null characters are not allowed."]}),
    ],
)
def test_bad_fields_are_named(server: httpx.Client, mira: Person, body: Any, errors: Any) -> None:
    answer = server.post("courses/", json=body, headers=mira.headers)
    assert (answer.status_code, answer.json()) == (400, errors)


def test_client_id_sent_again_means_the_same_course(server: httpx.Client, make_course: MakeCourse, mira: Person, noah: Person) -> None:
    first = make_course(mira, "One", client_course_id="local-1", icon=5, description="old")
    answer = server.post("courses/", json={"title": "Two", "client_course_id": "local-1"}, headers=mira.headers)
    assert answer.status_code == 200
    again = answer.json()
    assert (again["id"], again["title"], again["slug"]) == (first["id"], "Two", first["slug"])
    assert (again["icon"], again["description"]) == (5, "")
    assert make_course(noah, "One", client_course_id="local-1")["id"] != first["id"]
    assert make_course(mira, "x", client_course_id=None)["client_course_id"] is None
    assert make_course(mira, "x", client_course_id="")["client_course_id"] is None


def test_parallel_creates_with_one_client_id_make_one_course(server: httpx.Client, mira: Person) -> None:
    body = {"title": "Race", "client_course_id": "race"}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: server.post("courses/", json=body, headers=mira.headers), range(16)))
    assert {answer.status_code for answer in answers} == {200, 201}
    assert sum(answer.status_code == 201 for answer in answers) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_parallel_creates_with_one_title_get_different_slugs(server: httpx.Client, mira: Person) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: server.post("courses/", json={"title": "Same"}, headers=mira.headers), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["slug"] for answer in answers}) == 16


def test_patch_changes_what_is_sent(server: httpx.Client, make_course: MakeCourse, mira: Person) -> None:
    course = make_course(mira, "Before", icon=3, description="text")
    path = f"courses/{course['id']}/"
    changed = server.patch(
        path, json={"title": "After", "icon": None, "color_hue": 200, "client_course_id": "ignored"}, headers=mira.headers
    )
    assert changed.status_code == 200
    course |= {"title": "After", "icon": None, "color_hue": 200, "last_edit": changed.json()["last_edit"]}
    assert changed.json() == course
    emptied = server.patch(path, json={"description": None}, headers=mira.headers).json()
    assert emptied["description"] == ""
    untouched = server.patch(path, json={}, headers=mira.headers)
    assert untouched.status_code == 200
    assert untouched.json()["last_edit"] > emptied["last_edit"]


def test_order_of_refusals_when_patching(server: httpx.Client, make_course: MakeCourse, inbox: Inbox, mira: Person, noah: Person) -> None:
    course = make_course(mira)
    wrong = {"title": ""}
    anonymous = server.patch("courses/999999999/", json=wrong)
    assert (anonymous.status_code, anonymous.json()) == (401, {"detail": "Authentication credentials were not provided."})
    unknown = server.patch("courses/999999999/", json=wrong, headers=noah.headers)
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "No Course matches the given query."})
    foreign = server.patch(f"courses/{course['id']}/", json=wrong, headers=noah.headers)
    assert (foreign.status_code, foreign.json()) == (403, {"detail": "You can only edit your own categories."})
    default = server.patch(f"courses/{inbox(mira)}/", json=wrong, headers=mira.headers)
    assert (default.status_code, default.json()) == (400, {"detail": "The default category cannot be edited."})
    own = server.patch(f"courses/{course['id']}/", json=wrong, headers=mira.headers)
    assert (own.status_code, own.json()) == (400, {"title": ["This field may not be blank."]})
    for body, status in (({"title": "x"}, 403), ({}, 403)):
        assert server.patch(f"courses/{course['id']}/", json=body, headers=noah.headers).status_code == status


def test_list_shows_own_followed_ownerless_and_public_courses_only(
    server: httpx.Client, make_course: MakeCourse, make_note: MakeNote, inbox: Inbox, mira: Person, noah: Person
) -> None:
    private, public, followed = (make_course(mira, title)["id"] for title in ("Private", "Public", "Followed"))
    make_note(mira, private)
    make_note(mira, public, is_public=True)
    make_note(mira, inbox(mira), is_public=True)
    server.post(f"courses/{followed}/subscribe/", json={}, headers=noah.headers)
    mine = {course["id"] for course in server.get("courses/", headers=mira.headers).json()}
    theirs = {course["id"] for course in server.get("courses/", headers=noah.headers).json()}
    nobodys = {course["id"] for course in server.get("courses/").json()}
    assert {private, public, followed, inbox(mira)} <= mine
    assert {private, public, followed, inbox(mira)} & theirs == {public, followed}
    assert {private, public, followed, inbox(mira)} & nobodys == {public}
    assert server.get(f"courses/{private}/").status_code == 200


def test_a_course_without_an_owner_shows_its_public_notes_to_everybody(
    server: httpx.Client, services: Services, make_note: MakeNote, mira: Person, noah: Person
) -> None:
    def decide(work: Work[Lookups]) -> int:
        course = work.new(Course, work.lookups.next_id("course"))
        course.trigger(
            CourseCreated,
            work.context.now,
            owner_id=None,
            title="!! Nobody's",
            description="",
            slug=f"nobodys-{course.number}",
            icon=None,
            is_default=False,
            client_course_id=None,
        )
        return course.number

    course = services.commands.run(decide, Context(actor=None, channel="cli")).result
    assert course in {each["id"] for each in server.get("courses/").json()}
    public = make_note(mira, course, title="For everybody", is_public=True)
    private = make_note(mira, course, title="Mira's own")
    shown = {"": [public], noah.token: [public], mira.token: [private, public]}
    for token, expected in shown.items():
        headers = {"Authorization": f"Token {token}"} if token else {}
        one = server.get(f"courses/{course}/", headers=headers).json()
        (listed,) = (each for each in server.get("courses/", headers=headers).json() if each["id"] == course)
        (carousel,) = (each for each in server.get("front-page/", headers=headers).json()["carousel_courses"] if each["id"] == course)
        notes = server.get(f"courses/{course}/notes/", headers=headers).json()
        for found in (one, listed, carousel):
            assert (found["owner"], [note["id"] for note in found["recent_notes"]]) == (None, expected)
        assert [note["id"] for note in notes] == expected
        assert public in [note["id"] for note in server.get("front-page/", headers=headers).json()["recent_notes"]]
        assert server.get(f"notes/{public}/", headers=headers).status_code == 200
    assert server.get(f"notes/{private}/").status_code == 400
    written = server.post("notes/", json={"title": "Noah's", "content": "x", "course_id": course}, headers=noah.headers)
    assert (written.status_code, written.json()["course_id"]) == (201, course)
    for method, path in (("PATCH", f"courses/{course}/"), ("DELETE", f"courses/{course}/")):
        assert server.request(method, path, json={"title": "Mine"}, headers=noah.headers).status_code == 403


def test_list_order(server: httpx.Client, make_course: MakeCourse, inbox: Inbox, mira: Person, noah: Person) -> None:
    zebra, apple, mango, early, late = (make_course(mira, title)["id"] for title in ("zebra", "Apple", "mango", "Early", "Late"))
    other = make_course(noah, "Another")["id"]
    first = inbox(mira)
    for course_id in (late, early, other):
        server.post(f"courses/{course_id}/subscribe/", headers=mira.headers)
    server.post(f"courses/{late}/open/", headers=mira.headers)
    order = [course["id"] for course in server.get("courses/", headers=mira.headers).json()]
    assert [course_id for course_id in order if course_id in {zebra, apple, mango, early, late, other, first}] == [
        first, late, other, early, apple, mango, zebra,
    ]  # fmt: skip


def test_reorder_numbers_the_named_and_then_the_others(
    server: httpx.Client, make_course: MakeCourse, inbox: Inbox, mira: Person, noah: Person
) -> None:
    a, b, c, d = (make_course(mira, title)["id"] for title in "abcd")
    foreign = make_course(noah, "foreign")["id"]
    default = inbox(mira)
    wanted = [c, str(a), c, foreign, default, 987654321, "x", None, True, 1.5, [1], 10**30]
    answer = server.post("courses/reorder/", json={"course_ids": wanted}, headers=mira.headers)
    assert answer.status_code == 200
    assert [(course["id"], course["sort_order"]) for course in answer.json()] == [(default, 0), (c, 1), (a, 2), (b, 3), (d, 4)]
    unchanged = server.post("courses/reorder/", json={"course_ids": []}, headers=mira.headers)
    assert unchanged.json() == answer.json()
    assert server.get(f"courses/{foreign}/").json()["sort_order"] == 0


@pytest.mark.parametrize("body", [{}, {"course_ids": None}, {"course_ids": "1,2"}, {"course_ids": {"0": 1}}, {"course_ids": 5}])
def test_reorder_needs_a_list(server: httpx.Client, mira: Person, body: Any) -> None:
    answer = server.post("courses/reorder/", json=body, headers=mira.headers)
    assert (answer.status_code, answer.json()) == (400, {"detail": "`course_ids` must be a list of integers."})


def test_an_order_names_at_most_ten_thousand_courses(server: httpx.Client, mira: Person) -> None:
    answer = server.post("courses/reorder/", json={"course_ids": [1] * 10_001}, headers=mira.headers)
    assert (answer.status_code, answer.json()) == (400, {"detail": "`course_ids` must have at most 10000 entries."})
    assert server.post("courses/reorder/", json={"course_ids": [1] * 10_000}, headers=mira.headers).status_code == 200


def test_recent_notes_and_course_notes_show_what_the_reader_may_see(
    server: httpx.Client, make_course: MakeCourse, make_note: MakeNote, mira: Person, noah: Person
) -> None:
    course = make_course(mira)["id"]
    hidden = make_note(mira, course, title="hidden")
    public = [make_note(mira, course, title=f"public {n}", is_public=True) for n in range(6)]
    foreign = make_note(noah, course, title="foreign")
    path = f"courses/{course}/"

    def recent(**headers: Any) -> list[int]:
        return [note["id"] for note in server.get(path, **headers).json()["recent_notes"]]

    def listed(**headers: Any) -> list[int]:
        return [note["id"] for note in server.get(path + "notes/", **headers).json()]

    newest = public[::-1]
    assert recent() == newest[:5]
    assert listed() == newest
    assert listed(headers=mira.headers) == [*newest, hidden]
    assert recent(headers=noah.headers) == [foreign, *newest[:4]]
    assert listed(headers=noah.headers) == [foreign, *newest]


def test_course_notes_in_pages(server: httpx.Client, make_course: MakeCourse, make_note: MakeNote, mira: Person) -> None:
    course = make_course(mira)["id"]
    notes = [make_note(mira, course) for _ in range(3)][::-1]
    path = f"courses/{course}/notes/"
    page = server.get(path, params={"limit": 2}, headers=mira.headers).json()
    assert [note["id"] for note in page.pop("results")] == notes[:2]
    assert page == {"total": 3, "offset": 0, "limit": 2, "has_more": True}
    rest = server.get(path, params={"limit": 500, "offset": 2}, headers=mira.headers).json()
    assert [note["id"] for note in rest.pop("results")] == notes[2:]
    assert rest == {"total": 3, "offset": 2, "limit": 100, "has_more": False}
    assert server.get(path, params={"limit": "x"}).json() == {"limit": ["A valid integer is required."]}
    assert server.get(path, params={"limit": 0, "offset": -5}, headers=mira.headers).json()["limit"] == 1
    assert server.get("courses/999999999/notes/").json() == {"detail": "No Course matches the given query."}
