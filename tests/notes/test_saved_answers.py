"""A save answers what reading the note gives, though it is put together from the rows that were just written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Write = Callable[..., dict[str, Any]]

HOSTILE = '"\\ \x01\x1a\x1f\x7f\u2028 \U0001f9ec é ß \t\r\n </script> {} %s'


@pytest.fixture
def same(mira: httpx.Client) -> Callable[[httpx.Response], dict[str, Any]]:
    """Compares an answer with what is read, and returns it."""

    def compare(saved: httpx.Response) -> dict[str, Any]:
        assert saved.status_code in (200, 201), saved.text
        answer: dict[str, Any] = saved.json()
        read = mira.get(f"notes/{answer['id']}/")
        assert {name: value for name, value in answer.items() if name != "outcome"} == read.json()
        assert list(answer)[: len(read.json())] == list(read.json())
        return answer

    return compare


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"content": HOSTILE, "description": HOSTILE, "custom_meta": HOSTILE, "metadata_json": HOSTILE, "module": "One", "is_public": True},
        {"content": "# A\n\n- b\n- c\n\n```\nd\n```\n\n> e"},
        {"blocks": [{"block_type": "T", "text": HOSTILE}, {"block_type": "C", "text": "x", "args": "python"}]},
        {"title": "***"},
        {"content": "a\n\n" * 2000},
    ],
)
def test_new_and_changed_notes(mira: httpx.Client, same: Callable[[httpx.Response], dict[str, Any]], fields: dict[str, Any]) -> None:
    note = same(mira.post("notes/", json={"title": "Cell biology", **fields}))
    path = f"notes/{note['id']}/"
    for change in (
        {"title": "Other"},
        {"is_public": not note["is_public"]},
        {"custom_meta": '{"a": 1}'},
        {"content": HOSTILE},
        {"description": None},
        {},
        fields,
    ):
        saved = mira.patch(path, json=change)
        same(saved)
        assert saved.headers["etag"] == mira.get(path).headers["etag"]


def test_notes_that_share_a_name_in_a_course(mira: httpx.Client, same: Callable[[httpx.Response], dict[str, Any]]) -> None:
    course = mira.post("courses/", json={"title": "Biology"}).json()["id"]
    notes = [same(mira.post("notes/", json={"title": "Cell", "course_id": course})) for _ in range(22)]
    assert [note["name"] for note in notes[:3]] == ["cell", "cell-2", "cell-3"]
    assert notes[-1]["name"] == f"cell-{notes[-1]['id']}"
    assert same(mira.patch(f"notes/{notes[1]['id']}/", json={"title": "Nucleus"}))["name"] == "nucleus"
    assert same(mira.patch(f"notes/{notes[2]['id']}/", json={"description": "d"}))["name"] == "cell-2"
    assert same(mira.patch(f"notes/{notes[3]['id']}/", json={"course_id": None}))["name"] == "cell"
    assert same(mira.post("notes/", json={"title": "Cell 3", "course_id": course}))["name"] == "cell-3"
    assert same(mira.patch(f"notes/{notes[4]['id']}/", json={"description": "d"}))["name"] == f"cell-{notes[4]['id']}"


def test_restored_notes_and_versions(mira: httpx.Client, write: Write, same: Callable[[httpx.Response], dict[str, Any]]) -> None:
    note = write(content="one")
    path = f"notes/{note['id']}/"
    mira.patch(path, json={"content": "two"})
    assert same(mira.post(f"{path}restore/{note['version']}/"))["content"] == "one"
    assert mira.delete(path).status_code == 204
    assert same(mira.post(path + "restore/"))["content"] == "one"


def test_forked_notes(mira: httpx.Client, write: Write, same: Callable[[httpx.Response], dict[str, Any]]) -> None:
    source = write(content="one")
    fork = same(mira.post("notes/", json={"title": "Fork", "metadata_json": f'{{"offline_source_note_id": {source["id"]}}}'}))
    assert fork["offline_source_note_id"] == source["id"]
    comment = same(mira.post("notes/", json={"title": "Comment", "note_type": "C", "source_note_uuid": source["uuid"]}))
    assert comment["source_note_uuid"] == source["uuid"]
