"""A full bin is emptied by as few questions as one that holds little."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.bin import empty_bin, purge_deleted_notes
from tests.door.people import Person
from tests.recycle_bin.test_recycle_bin import attach, entries
from tests.round_trips import round_trips
from wiring import Services

MakeNote = Callable[..., int]


def fill(server: httpx.Client, make_note: MakeNote, owner: Person, reader: Person, size: int) -> list[int]:
    """Puts notes into the bin, each with a comment, a file and a sitting. Returns the comments."""
    comments = []
    for _ in range(size):
        note = make_note(owner, is_public=True)
        uuid = server.get(f"notes/{note}/").json()["uuid"]
        attach(server, note, owner)
        assert server.post("note-sessions/", json={"note_id": note}, headers=owner.headers).status_code == 201
        comment = {"title": "c", "note_type": "C", "source_note_uuid": uuid}
        comments.append(server.post("notes/", json=comment, headers=reader.headers).json()["id"])
        assert server.delete(f"notes/{note}/", headers=owner.headers).status_code == 204
    return comments


@pytest.mark.parametrize("by", ["its owner", "age"])
def test_emptying_a_bin_takes_as_many_round_trips_whatever_lies_in_it(
    services: Services, server: httpx.Client, make_note: MakeNote, mira: Person, noah: Person, by: str
) -> None:
    def empty(size: int) -> int:
        comments = fill(server, make_note, mira, noah, size)
        notes = services.lookups.deleted_notes(mira.account_id)
        assert len(notes) == size

        def decide(work: Work[Lookups]) -> int:
            if by == "age":
                return purge_deleted_notes(work, mira.account_id, notes, datetime.now(UTC))
            return empty_bin(work, mira.account_id)

        context = Context(actor=mira.account_id, channel="web")
        taken = round_trips(services, lambda handling: handling.run(decide, context))
        assert entries(server, mira) == []
        assert sources(server, noah, comments) == {None}
        return taken

    assert empty(2) == empty(7)


def sources(server: httpx.Client, reader: Person, comments: list[int]) -> set[Any]:
    return {server.get(f"notes/{comment}/", headers=reader.headers).json()["source_note_uuid"] for comment in comments}
