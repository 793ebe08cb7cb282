"""What is attached to a note while it is being purged: refused, and nothing of it stays behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from projections.attachments.lookups import AttachmentAnswers
from projections.note_sessions.lookups import NoteSessionAnswers
from tests.door.people import Person
from wiring import Services

MakeNote = Callable[..., int]


def interrupt(monkeypatch: pytest.MonkeyPatch, answers: type[Any], question: str, meanwhile: Callable[[], None]) -> None:
    """Lets something happen in the moment after a command has asked this question for the first time."""
    ask, once = getattr(answers, question), threading.Lock()

    def asked(*args: Any) -> Any:
        answer = ask(*args)
        if once.acquire(blocking=False):
            meanwhile()
        return answer

    monkeypatch.setattr(answers, question, asked)


@pytest.fixture
def note(make_note: MakeNote, mira: Person) -> int:
    return make_note(mira)


def test_file_for_a_note_that_is_purged_meanwhile(
    server: httpx.Client, services: Services, note: int, mira: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def purge() -> None:
        assert server.delete(f"notes/{note}/", headers=mira.headers).status_code == 204
        assert server.delete("notes/deleted/empty/", headers=mira.headers).json()["count"] == 1

    interrupt(monkeypatch, AttachmentAnswers, "note_for_files", purge)
    refused = server.post(f"notes/{note}/attachments/", files={"file": ("late.txt", b"late")}, headers=mira.headers)
    assert (refused.status_code, refused.json()) == (404, {"detail": "No Note matches the given query."})
    assert [blob.path for batch in services.blobs.list_now() for blob in batch if blob.path.endswith("late.txt")] == []
    with psycopg.connect(services.settings.conninfo()) as connection:
        assert connection.execute("SELECT id FROM attachments.attachments WHERE note_id = %s", (note,)).fetchall() == []


def test_session_on_a_note_that_is_purged_meanwhile(
    server: httpx.Client, services: Services, note: int, mira: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def purge() -> None:
        server.delete(f"notes/{note}/", headers=mira.headers)
        assert server.delete("notes/deleted/empty/", headers=mira.headers).json()["count"] == 1

    interrupt(monkeypatch, NoteSessionAnswers, "note_for_session", purge)
    assert server.post("note-sessions/", json={"note_id": note}, headers=mira.headers).status_code == 404
    assert sessions_of(services, note) == []


def test_session_that_is_started_while_its_note_is_being_purged(
    server: httpx.Client, services: Services, note: int, mira: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start() -> None:
        assert server.post("note-sessions/", json={"note_id": note}, headers=mira.headers).status_code == 201

    server.delete(f"notes/{note}/", headers=mira.headers)
    interrupt(monkeypatch, NoteSessionAnswers, "sessions_of_notes", start)
    assert server.delete("notes/deleted/empty/", headers=mira.headers).json()["count"] == 1
    assert sessions_of(services, note) == []


def sessions_of(services: Services, note: int) -> list[Any]:
    with psycopg.connect(services.settings.conninfo()) as connection:
        return connection.execute("SELECT id FROM note_sessions.sessions WHERE note_id = %s", (note,)).fetchall()
