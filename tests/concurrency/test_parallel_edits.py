"""Edits of one note that arrive at the same moment all land."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
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
