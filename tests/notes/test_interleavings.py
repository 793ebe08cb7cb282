"""Whatever several devices do in whatever order: live rows are what a replay makes, and no acknowledged text is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import connect

from projections.catalog import ALL_PROJECTIONS
from projections.verify import verify
from settings import Settings

LINES = st.lists(st.sampled_from(["alpha", "beta", "gamma delta", "# Head", "- item", "日本", "```", ""]), max_size=6)
TEXTS = LINES.map("\n".join)
DEVICES = 3

STEPS = st.one_of(
    st.tuples(st.just("edit"), st.integers(0, DEVICES - 1), TEXTS, st.booleans()),
    st.tuples(st.just("title"), st.integers(0, DEVICES - 1), st.sampled_from(["One", "Two", "Three"]), st.booleans()),
    st.tuples(st.just("pull"), st.integers(0, DEVICES - 1), st.just(""), st.booleans()),
    st.tuples(st.just("delete"), st.integers(0, DEVICES - 1), st.just(""), st.booleans()),
    st.tuples(st.just("recover"), st.integers(0, DEVICES - 1), st.just(""), st.booleans()),
    st.tuples(st.just("upload"), st.integers(0, DEVICES - 1), TEXTS, st.booleans()),
    st.tuples(st.just("block"), st.integers(0, DEVICES - 1), TEXTS, st.booleans()),
    st.tuples(st.just("version"), st.integers(0, DEVICES - 1), st.just(""), st.booleans()),
    st.tuples(st.just("back"), st.integers(0, DEVICES - 1), st.just(""), st.booleans()),
    st.tuples(st.just("undo"), st.integers(0, DEVICES - 1), st.just(""), st.booleans()),
)


class Devices:
    """Some devices of one person, each with the state of one note that it saw last."""

    def __init__(self, client: httpx.Client, name: str) -> None:
        self.client = client
        self.draft = {"title": "One", "client_draft_id": name}
        start = f"start of {name}"
        first = client.post("notes/", json={**self.draft, "content": start}).json()
        self.id: int = first["id"]
        self.known: list[dict[str, Any]] = [first] * DEVICES
        self.acknowledged = [start]

    def do(self, step: str, device: int, text: str, stale_aware: bool) -> None:
        """Takes a step. Whatever the answer is, it is none of a server that failed."""
        answer = getattr(self, f"_{step}")(device, text, stale_aware)
        assert answer.status_code in {200, 201, 204, 404, 409}, answer.text
        if step in {"edit", "upload"} and answer.status_code in {200, 201}:
            self.acknowledged += [text, answer.json()["content"]]
            self.known[device] = answer.json()

    def _edit(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        base = {"base_version": self.known[device]["version"]} if stale_aware else {}
        return self.client.patch(f"notes/{self.id}/", json={"content": text, **base})

    def _title(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        return self.client.patch(f"notes/{self.id}/", json={"title": text, "is_public": stale_aware})

    def _pull(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        answer = self.client.get(f"notes/{self.id}/")
        if answer.status_code == 200:
            self.known[device] = answer.json()
        return answer

    def _delete(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        return self.client.delete(f"notes/{self.id}/")

    def _recover(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        return self.client.post(f"notes/{self.id}/restore/")

    def _upload(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        return self.client.post("notes/", json={**self.draft, "content": text})

    def _block(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        block_type = "C" if stale_aware else "N"
        return self.client.post(f"notes/{self.id}/blocks/", json={"block_type": block_type, "text": text})

    def _version(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        return self.client.post(f"notes/{self.id}/snapshot/", json={"reason": "quit"})

    def _back(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        version = 1 + self.known[device]["version"] // 2
        return self.client.post(f"notes/{self.id}/restore/{version}/")

    def _undo(self, device: int, text: str, stale_aware: bool) -> httpx.Response:
        return self.client.post("undo/")

    def history(self) -> set[str]:
        """Every text that the history holds."""
        if self.client.get(f"notes/{self.id}/").status_code == 404:
            self.client.post(f"notes/{self.id}/restore/")
        versions = self.client.get(f"notes/{self.id}/history/", params={"include": "edits", "limit": 100}).json()
        return {version["content"] for version in versions}


@pytest.fixture
def numbered() -> Callable[[], str]:
    """Names of drafts, each another."""
    names = iter(range(1_000_000))
    return lambda: f"interleaved-{next(names)}"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=14))
def test_no_acknowledged_text_is_lost(mira: httpx.Client, numbered: Callable[[], str], steps: list[tuple[str, int, str, bool]]) -> None:
    devices = Devices(mira, numbered())
    for step in steps:
        devices.do(*step)
    kept = devices.history()
    assert [text for text in devices.acknowledged if text not in kept] == []
    note = mira.get(f"notes/{devices.id}/").json()
    past = mira.get(f"notes/{devices.id}/", params={"as_of": str(note["version"])}).json()
    for part in ("title", "content", "is_public", "metadata_json", "editor_mode"):
        assert past[part] == note[part]
    assert [(b["id"], b["text"]) for b in past["blocks"]] == [(b["id"], b["text"]) for b in note["blocks"]]


def test_live_rows_are_what_a_replay_makes(mira: httpx.Client, settings: Settings) -> None:
    devices = Devices(mira, "replayed")
    for step in ("edit", "title", "upload", "block", "version", "back", "delete", "recover", "undo", "undo", "edit"):
        devices.do(step, 0, f"# {step}\n\ntext", stale_aware=True)
    with connect(settings.conninfo(), autocommit=True) as connection:
        connection.execute("UPDATE notes.notes SET title = 'falsified' WHERE id = %s", (devices.id,))
        assert verify(settings.conninfo(), ALL_PROJECTIONS, allow_empty=True).different == 1
        connection.execute(
            "UPDATE notes.notes SET title = (SELECT title FROM notes.note_texts WHERE note_id = id) WHERE id = %s", (devices.id,)
        )
    assert verify(settings.conninfo(), ALL_PROJECTIONS, allow_empty=True).different == 0
