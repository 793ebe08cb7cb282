"""What was emptied out of the recycle bin is in no dump of the database any more, wherever it had been kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.door.people import Person
from tests.dumps import dumped
from tests.search.conftest import catch_up
from wiring import Services

__all__ = ["catch_up"]

MakeNote = Callable[..., int]
SECRET = "Zwetschgenkuchen"


def traces_of(word: str, text: str) -> list[str]:
    """Lines of the dump that hold the word, as text or as bytes."""
    forms = [word.lower(), *(form.encode().hex() for form in (word, word.lower()))]
    return [line[:200] for line in text.splitlines() if any(form in line for form in forms)]


@pytest.fixture
def written_everywhere(server: httpx.Client, make_note: MakeNote, mira: Person, noah: Person) -> int:
    """A note whose words came to stand in every place that the server has; now in the recycle bin."""
    numbers = iter(range(1000))

    def send(method: str, path: str, person: Person = mira, **body: Any) -> Any:
        headers = {**person.headers, "Idempotency-Key": f"dump-{next(numbers)}"}
        answer = server.request(method, path, headers=headers, **body)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    fields = {"title": SECRET, "description": SECRET, "content": f"# {SECRET}\n\nbody", "is_public": True}
    course = send("POST", "courses/", json={"title": "Baking"})["id"]
    note = send("POST", "notes/", json={**fields, "course_id": course, "client_draft_id": f"draft {SECRET}"})
    assert send("POST", "notes/", json={**fields, "course_id": course, "client_draft_id": f"again {SECRET}"})["id"] == note["id"]
    path = f"notes/{note['id']}/"
    for number in range(3):
        send("PATCH", path, json={"content": f"# {SECRET}\n\n{SECRET} {number}", "module": SECRET, "custom_meta": f'{{"a":"{SECRET}"}}'})
    stale = {"content": f"{SECRET} of an older state", "base_version": note["version"], "metadata_json": f'{{"a":"{SECRET}"}}'}
    assert send("PATCH", path, json=stale)["outcome"] == "merged"
    block = send("POST", f"{path}blocks/", json={"block_type": "C", "text": SECRET, "args": SECRET})
    send("PATCH", f"blocks/{block['id']}/", json={"text": f"{SECRET} again"})
    send("POST", f"{path}snapshot/", json={"reason": SECRET})
    send("POST", f"{path}restore/2/", json={})
    send("POST", "undo/", json={})
    send("POST", f"{path}attachments/", files={"file": (f"{SECRET}.txt", SECRET.encode())})
    send("POST", f"{path}cover/", files={"cover": (f"{SECRET}.png", b"\x89PNG\r\n\x1a\n" + SECRET.encode())})
    session = send("POST", "note-sessions/", json={"note_id": note["id"]})
    send("PATCH", f"note-sessions/{session['id']}/", json={"title": SECRET, "summary": SECRET})
    # Answers about other things that show the note as well, also to somebody else.
    for person in (mira, noah):
        shown = send("POST", f"courses/{course}/subscribe/", person)
        assert SECRET in str(shown)
    send("PATCH", f"courses/{course}/", json={"title": "Cakes"})
    send("POST", "courses/reorder/", json={"course_ids": [course]})
    send("DELETE", path)
    return int(note["id"])


def test_operators_forgetting_overwrites_answers_about_other_things_that_showed_the_note(
    server: httpx.Client, services: Services, mira: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = server.post("courses/", json={"title": "Baking"}, headers=mira.headers).json()["id"]
    note = server.post("notes/", json={"title": SECRET, "content": SECRET, "course_id": course}, headers=mira.headers).json()["id"]
    keyed = {**mira.headers, "Idempotency-Key": "shows the note"}
    other = {**mira.headers, "Idempotency-Key": "shows nothing of it"}
    assert SECRET in server.post(f"courses/{course}/subscribe/", headers=keyed).text
    assert server.post("courses/", json={"title": "Cakes"}, headers=other).status_code == 201
    monkeypatch.setenv("DATABASE_URL", services.settings.conninfo())
    forgotten = CliRunner().invoke(app, ["streams", "forget", f"note-{note}", "--reason", "asked for", "--yes"])
    assert forgotten.exit_code == 0, forgotten.output
    rebuilt = CliRunner().invoke(app, ["projections", "rebuild", "--all"])
    assert rebuilt.exit_code == 0, rebuilt.output
    again = server.post(f"courses/{course}/subscribe/", headers=keyed)
    assert (again.status_code, SECRET in again.text) == (410, False)
    assert server.post("courses/", json={"title": "Cakes"}, headers=other).status_code == 201


def test_kept_answers_are_found_by_an_index(services: Services) -> None:
    with services.thread_pool.connection() as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute("EXPLAIN SELECT FROM log.idempotency WHERE log.shown_in(answer) && ARRAY['\"note_id\":27']").fetchall()
    assert "idempotency_shown" in str(plan)


def test_emptied_note_is_in_no_dump(
    server: httpx.Client, services: Services, mira: Person, noah: Person, written_everywhere: int, catch_up: Callable[[], None]
) -> None:
    catch_up()
    assert len(traces_of(SECRET, dumped(services.settings.conninfo()).lower())) > 10
    assert server.delete("notes/deleted/empty/", headers=mira.headers).json()["count"] == 1
    catch_up()
    assert traces_of(SECRET, dumped(services.settings.conninfo()).lower()) == []
    # A course whose answer showed the note stays, and is not made once more by a repetition.
    again = server.post("courses/", json={"title": "Baking"}, headers={**mira.headers, "Idempotency-Key": "dump-0"})
    assert (again.status_code, again.json()["title"]) == (201, "Baking")
    subscribed = server.post(f"courses/{again.json()['id']}/subscribe/", headers={**noah.headers, "Idempotency-Key": "dump-17"})
    assert (subscribed.status_code, SECRET in subscribed.text) == (410, False)
