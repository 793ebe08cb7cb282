"""Following courses (contract: notes 3.8, 18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.door.people import Person

MakeCourse = Callable[..., dict[str, Any]]
NOT_FOLLOWED = {"detail": "No CourseSubscription matches the given query."}


def test_subscribe_open_and_unsubscribe(server: httpx.Client, make_course: MakeCourse, mira: Person, noah: Person) -> None:
    path = f"courses/{make_course(mira)['id']}/"
    for _ in range(2):
        course = server.post(path + "subscribe/", headers=noah.headers).json()
        assert (course["is_subscribed"], course["subscriber_count"], course["last_opened_at"]) == (True, 1, None)
    opened = server.post(path + "open/", json={}, headers=noah.headers).json()["last_opened_at"]
    assert opened.endswith("+00:00")
    assert server.get(path, headers=mira.headers).json()["subscriber_count"] == 1
    assert server.get(path, headers=mira.headers).json()["is_subscribed"] is False
    left = server.delete(path + "subscribe/", headers=noah.headers)
    assert left.status_code == 200
    assert (left.json()["is_subscribed"], left.json()["subscriber_count"], left.json()["last_opened_at"]) == (False, 0, None)
    back = server.post(path + "subscribe/", headers=noah.headers).json()
    assert back["last_opened_at"] == opened


@pytest.mark.parametrize(("method", "action"), [("DELETE", "subscribe/"), ("POST", "open/")])
def test_only_followers_open_and_leave(
    server: httpx.Client, make_course: MakeCourse, mira: Person, noah: Person, method: str, action: str
) -> None:
    path = f"courses/{make_course(mira)['id']}/"
    answer = server.request(method, path + action, headers=noah.headers)
    assert (answer.status_code, answer.json()) == (404, NOT_FOLLOWED)
    server.post(path + "subscribe/", headers=noah.headers)
    assert server.request(method, path + action, headers=noah.headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "action"), [("POST", "subscribe/"), ("DELETE", "subscribe/"), ("POST", "open/"), ("POST", "subscribe-private/")]
)
def test_unknown_course_and_anonymous_caller(server: httpx.Client, mira: Person, method: str, action: str) -> None:
    unknown = server.request(method, f"courses/999999999/{action}", headers=mira.headers)
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "No Course matches the given query."})
    assert server.request(method, f"courses/999999999/{action}").status_code == 401


def test_private_subscription_is_cleared_by_a_normal_one(server: httpx.Client, make_course: MakeCourse, mira: Person, noah: Person) -> None:
    path = f"courses/{make_course(mira)['id']}/"
    course = server.post(path + "subscribe-private/", headers=noah.headers).json()
    assert (course["is_subscribed"], course["is_private_subscription"]) == (True, True)
    course = server.post(path + "subscribe/", headers=noah.headers).json()
    assert (course["is_subscribed"], course["is_private_subscription"]) == (True, False)
