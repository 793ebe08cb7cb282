"""Writers that keep creating and changing notes over HTTP, and remember what was acknowledged."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psycopg

from settings import embedded_conninfo, load_settings
from tests.accounts.people import Person, make_person
from tests.running.server import command, eventually
from wiring import opened_services

PATIENCE_S = 10.0


class Writers:
    """Some threads, each with notes of its own; failures are expected while the server is away."""

    def __init__(self, address: str, person: Person, threads: int = 4) -> None:
        self._address = address
        self._person = person
        self._stop = threading.Event()
        self.acknowledged: dict[int, set[str]] = {}
        """Note id -> every text that was acknowledged for it; the newest text may be one that was not."""
        self.refused: list[tuple[int, Any]] = []
        """4xx answers: none of these requests is wrong."""
        self.failed: list[str] = []
        """Requests that got no answer, or a 5xx."""
        self.slowest_s = 0.0
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(threads)]
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def count(self) -> int:
        """How many writes were acknowledged."""
        with self._lock:
            return sum(map(len, self.acknowledged.values()))

    def go_on(self, writes: int = 20) -> None:
        """Waits until so many more writes were acknowledged."""
        wanted = self.count + writes
        eventually(lambda: self.count > wanted)

    def _write(self, writer: int) -> None:
        note_id: int | None = None
        with httpx.Client(base_url=self._address, headers=self._person.headers, timeout=PATIENCE_S) as client:
            for number in itertools.count():
                if self._stop.is_set():
                    return
                text = f"writer {writer} text {number}"
                began = time.monotonic()
                try:
                    if note_id is None or number % 3 == 0:
                        answer = client.post("/api/v1/notes/", json={"title": text, "content": text})
                    else:
                        answer = client.patch(f"/api/v1/notes/{note_id}/", json={"content": text})
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                    self._stop.wait(0.02)
                    continue
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                if answer.status_code < 300:
                    note_id = answer.json()["id"]
                    with self._lock:
                        self.acknowledged.setdefault(note_id, set()).add(text)
                elif answer.status_code < 500:
                    self.refused.append((answer.status_code, answer.json()))
                else:
                    self.failed.append(f"{answer.status_code} {answer.text}")
                    self._stop.wait(0.02)


def texts_in_log(connection: Any) -> dict[int, set[str]]:
    """Note id -> every text that the note ever had, from the log alone."""
    rows = connection.execute(
        "SELECT split_part(stream, '-', 2)::bigint, type, data FROM log.readable_events WHERE stream LIKE 'note-%' ORDER BY stream, version"
    )
    texts: dict[int, set[str]] = {}
    content: dict[int, str] = {}
    for note_id, type_name, data in rows:
        if type_name in ("NoteCreated", "NoteTextReplaced"):
            content[note_id] = data["content"]
        elif type_name == "NoteTextSpliced":
            old = content[note_id]
            content[note_id] = old[: data["at"]] + data["inserted"] + old[data["at"] + data["removed"] :]
        texts.setdefault(note_id, set()).add(content[note_id])
    return texts


def person_in(folder: Path) -> Person:
    """Somebody who is signed in at the server of this data folder."""
    with opened_services(load_settings(data_dir=folder)) as services:
        return make_person(services)


def assert_nothing_lost(folder: Path, writers: Writers) -> None:
    """Every acknowledged text is in the log, none was refused, and the read models are what the log says."""
    assert writers.refused == []
    with psycopg.connect(embedded_conninfo(folder)) as connection:
        stored = texts_in_log(connection)
    for note_id, texts in writers.acknowledged.items():
        assert texts <= stored[note_id], f"note {note_id} lost a text that was acknowledged"
    verified = command("projections", "verify", "--all", NOTECHONDRIA_DATA_DIR=str(folder))
    assert verified.returncode == 0, verified.stdout + verified.stderr
