"""A full course is deleted and comes back by as few questions as one of few notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from commands.context import Context
from commands.courses.bin import delete_course, restore_course
from commands.handling import Work
from commands.inverses import INVERSES
from commands.lookups import Lookups
from commands.undo import undo
from tests.accounts.people import Person
from tests.round_trips import round_trips
from wiring import Services


def test_a_course_goes_and_comes_back_by_as_many_round_trips_whatever_is_in_it(
    services: Services, server: httpx.Client, person: Person
) -> None:
    owner = person.account_id

    def take(decide: Callable[[Work[Lookups]], Any]) -> int:
        return round_trips(services, lambda handling: handling.run(decide, Context(actor=owner, channel="web")))

    def taken(size: int) -> dict[str, int]:
        course = server.post("courses/", json={"title": f"Of {size}"}, headers=person.headers).json()["id"]
        for number in range(size):
            note = {"title": f"n{number}", "course_id": course}
            assert server.post("notes/", json=note, headers=person.headers).status_code == 201

        def filed() -> int:
            listed = server.get(f"courses/{course}/notes/", headers=person.headers)
            return len(listed.json()) if listed.is_success else 0

        found = {"deleted": take(lambda work: delete_course(work, owner, course))}
        assert filed() == 0
        found["deletion undone"] = take(lambda work: undo(work, owner, None, INVERSES))
        assert filed() == size
        take(lambda work: delete_course(work, owner, course))
        found["restored"] = take(lambda work: restore_course(work, owner, course))
        assert filed() == size
        found["restoring undone"] = take(lambda work: undo(work, owner, None, INVERSES))
        assert filed() == 0
        return found

    assert taken(2) == taken(7)
