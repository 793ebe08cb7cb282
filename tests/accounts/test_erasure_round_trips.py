"""An account with much is erased by as few questions as one with little, as far as it goes in one step."""

from __future__ import annotations

import httpx

from commands.accounts.erasure import erase
from tests.accounts.people import Person, make_person
from tests.round_trips import round_trips
from wiring import Services

V1 = "/api/v1"


def test_erasing_takes_as_many_round_trips_whatever_somebody_has(door: httpx.Client, services: Services, person: Person) -> None:
    def post(path: str, body: dict[str, object], owner: Person) -> dict[str, str]:
        answer = door.post(f"{V1}/{path}", json=body, headers=owner.headers)
        assert answer.is_success, answer.text
        made: dict[str, str] = answer.json()
        return made

    def taken(size: int) -> int:
        owner, theirs = make_person(services), []
        for number in range(size):
            course = post("courses/", {"title": f"c{number}"}, owner)["id"]
            note = post("notes/", {"title": f"n{number}", "course_id": course, "is_public": True}, owner)
            post("note-sessions/", {"note_id": note["id"]}, owner)
            post("planner-events/", {"title": f"e{number}", "event_date": "2031-05-06"}, owner)
            post(f"courses/{course}/subscribe/", {}, owner)
            post(f"courses/{course}/subscribe/", {}, person)
            comment = {"title": "c", "note_type": "C", "is_public": True, "source_note_uuid": note["uuid"]}
            theirs += [post("notes/", comment, person)["id"], post("notes/", {"title": "x", "course_id": course}, person)["id"]]
        found = round_trips(services, lambda handling: erase(handling, owner.account_id))
        assert services.lookups.owned_streams(owner.account_id, 1) == []
        kept = [door.get(f"{V1}/notes/{number}/", headers=person.headers).json() for number in theirs]
        assert {(note["source_note_uuid"], note["is_public"]) for note in kept} == {(None, False)}
        assert len({note["course_id"] for note in kept}) == 1
        return found

    assert taken(2) == taken(6)
