"""Edits of one note that arrive at the same moment all land."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from typing import Any

import httpx

from tests.accounts.people import Person
from wiring import Services

TIMES = 20
FIELDS = ("title", "content", "description", "is_public")


def test_twenty_parallel_edits_of_different_fields_all_land(door: httpx.Client, person: Person, services: Services) -> None:
    note = door.post("/api/v1/notes/", json={"title": "before", "content": "before"}, headers=person.headers).json()
    together = Barrier(TIMES)

    def edit(number: int) -> httpx.Response:
        field = FIELDS[number % len(FIELDS)]
        value: Any = True if field == "is_public" else f"{field} {number}"
        together.wait()
        return door.patch(f"/api/v1/notes/{note['id']}/", json={field: value}, headers=person.headers)

    with ThreadPoolExecutor(TIMES) as threads:
        answers = list(threads.map(edit, range(TIMES)))
    assert [answer.status_code for answer in answers] == [200] * TIMES
    after = door.get(f"/api/v1/notes/{note['id']}/", headers=person.headers).json()
    assert after["is_public"] is True
    for field in ("title", "content", "description"):
        assert after[field].startswith(f"{field} ")
    with services.thread_pool.connection() as connection:
        stored = connection.execute(
            "SELECT type, version FROM log.events WHERE stream = %s ORDER BY version", (f"note-{note['id']}",)
        ).fetchall()
    assert [version for _, version in stored] == list(range(1, len(stored) + 1))
    changes = Counter("text" if name.startswith("NoteText") else name for name, _ in stored)
    each = TIMES // len(FIELDS)
    assert changes["text"] == each
    assert changes["NoteRenamed"] == each
    assert changes["NoteDescribed"] == each
    # Publishing what is public already is noted as well.
    assert len(stored) == 1 + TIMES


def test_blocks_that_are_arranged_while_others_are_written_stand_there_once(door: httpx.Client, person: Person) -> None:
    """An order that does not name all blocks of that moment is refused, see contract: notes 7.3."""
    content = "# T\n\n" + "\n\n".join(f"base {number}" for number in range(6))
    note = door.post("/api/v1/notes/", json={"title": "T", "content": content}, headers=person.headers).json()
    place = f"/api/v1/notes/{note['id']}/"
    together = Barrier(4)

    def device(number: int) -> list[tuple[str, int]]:
        answers = []
        together.wait()
        for step in range(6):
            if number < 2:
                ids = [block["id"] for block in door.get(place, headers=person.headers).json()["blocks"]]
                Random(10 * number + step).shuffle(ids)
                answer = door.post(f"{place}reorder/", json={"ordered_block_ids": ids}, headers=person.headers)
                answers.append(("order", answer.status_code))
            else:
                added = door.post(f"{place}blocks/", json={"block_type": "N", "text": "?"}, headers=person.headers)
                changed = door.patch(
                    f"/api/v1/blocks/{added.json()['id']}/", json={"text": f"added {number} {step}"}, headers=person.headers
                )
                answers += [("add", added.status_code), ("change", changed.status_code)]
        return answers

    with ThreadPoolExecutor(4) as threads:
        answers = Counter(answer for answers in threads.map(device, range(4)) for answer in answers)
    assert (answers["add", 201], answers["change", 200]) == (12, 12)
    assert answers["order", 200] + answers["order", 400] == 12
    lines = Counter(line for line in door.get(place, headers=person.headers).json()["content"].split("\n") if line)
    said = {"# T", *(f"base {number}" for number in range(6)), *(f"added {number} {step}" for number in (2, 3) for step in range(6))}
    assert lines == Counter(said)
