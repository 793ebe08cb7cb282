"""Listing changes and taking them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Write = Callable[..., dict[str, Any]]


def changes(client: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = client.get("changes/", params=params).json()["results"]
    return results


def undo(client: httpx.Client, change: int | None = None) -> httpx.Response:
    return client.post("undo/", json={} if change is None else {"change": change})


def test_changes_tell_what_was_done_through_which_door(mira: httpx.Client, write: Write) -> None:
    note = write(content="one")
    mira.patch(f"notes/{note['id']}/", json={"title": "Other", "content": "one two"})
    mira.post(f"notes/{note['id']}/snapshot/", json={})
    newest, first = changes(mira)[:2]
    assert newest["types"] == ["NoteRenamed", "NoteTextReplaced"]
    assert newest["items"] == [{"kind": "note", "id": note["id"], "title": "Other"}]
    assert (newest["channel"], newest["can_undo"], newest["undone"]) == ("web", True, False)
    assert newest["summary"] == "Note renamed, note text replaced: Other"
    assert "NoteCreated" in first["types"]
    assert "one two" not in str(changes(mira))


def test_changes_are_paged(mira: httpx.Client, write: Write) -> None:
    note = write()
    for number in range(7):
        mira.patch(f"notes/{note['id']}/", json={"title": f"title {number}"})
    seen, before = [], None
    while True:
        page = mira.get("changes/", params={"limit": 3, **({"before": before} if before else {})}).json()
        seen += [change["id"] for change in page["results"]]
        assert page["has_more"] == (page["next_before"] is not None)
        if not page["has_more"]:
            break
        before = page["next_before"]
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 8


def test_changes_of_others_are_not_listed(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    write()
    assert changes(ravi) == []
    assert undo(ravi).status_code == 409
    assert undo(ravi, changes(mira)[0]["id"]).status_code == 404


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        ("title", "one", "two"),
        ("description", "one", None),
        ("content", "one", "two"),
        ("metadata_json", '{"a":1}', '{"a":2}'),
        ("custom_meta", "{}", '{"a":2}'),
        ("module", "one", "two"),
        ("is_public", False, True),
        ("editor_mode", "G", "P"),
    ],
)
def test_undo_takes_a_field_back(mira: httpx.Client, write: Write, field: str, first: Any, second: Any) -> None:
    note = write(**{field: first})
    path = f"notes/{note['id']}/"
    mira.patch(path, json={field: second})
    assert undo(mira).status_code == 200
    now = mira.get(path).json()
    assert now[field] == note[field]
    assert now["last_edit"] > note["last_edit"]


def test_undo_goes_back_step_by_step_and_undoing_an_undo_brings_it_back(mira: httpx.Client, write: Write) -> None:
    note = write(content="0")
    path = f"notes/{note['id']}/"
    for text in ("1", "2", "3"):
        mira.patch(path, json={"content": text})
    for text in ("2", "1", "0"):
        assert undo(mira).status_code == 200
        assert mira.get(path).json()["content"] == text
    latest = changes(mira)[0]
    assert latest["undoes"]
    assert undo(mira, latest["id"]).status_code == 200
    assert mira.get(path).json()["content"] == "1"
    assert undo(mira).status_code == 200
    assert mira.get(path).json()["content"] == "0"
    assert undo(mira).status_code == 200
    assert mira.get(path).status_code == 404
    assert undo(mira).json() == {"detail": "There is nothing to undo."}


def test_undo_leaves_later_changes_alone_where_they_do_not_touch(mira: httpx.Client, write: Write) -> None:
    note = write(content="first line\n\nsecond line\n\nthird line")
    path = f"notes/{note['id']}/"
    mira.patch(path, json={"content": "FIRST line\n\nsecond line\n\nthird line"})
    named = changes(mira)[0]["id"]
    mira.patch(path, json={"content": "FIRST line\n\nsecond line\n\nTHIRD line"})
    assert undo(mira, named).status_code == 200
    assert mira.get(path).json()["content"] == "first line\n\nsecond line\n\nTHIRD line"
    assert undo(mira, named).json() == {"detail": "This change was undone already."}


def test_undo_is_refused_when_the_same_part_was_changed_again(mira: httpx.Client, write: Write) -> None:
    note = write(content="word")
    path = f"notes/{note['id']}/"
    mira.patch(path, json={"content": "other", "title": "Other"})
    named = changes(mira)[0]["id"]
    mira.patch(path, json={"content": "third"})
    refused = undo(mira, named)
    assert (refused.status_code, refused.json()) == (409, {"detail": "The same part of the text was changed again since."})
    assert mira.get(path).json()["title"] == "Other"
    mira.patch(path, json={"title": "Again"})
    assert undo(mira, named).json() == {"detail": "The note's title was changed again since."}


def test_undo_brings_deleted_notes_back_with_their_visibility(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    note = write(is_public=True)
    comment = ravi.post("notes/", json={"title": "c", "note_type": "C", "is_public": True, "source_note_uuid": note["uuid"]}).json()
    mira.delete(f"notes/{note['id']}/")
    assert mira.get(f"notes/{comment['id']}/").status_code == 400
    assert undo(mira).status_code == 200
    assert ravi.get(f"notes/{note['id']}/").status_code == 200
    assert mira.get(f"notes/{comment['id']}/").status_code == 200


def test_undo_of_making_a_note_is_refused_once_it_was_changed(mira: httpx.Client, write: Write) -> None:
    note = write(content="a")
    made = changes(mira)[0]["id"]
    mira.patch(f"notes/{note['id']}/", json={"content": "b"})
    assert undo(mira, made).json() == {"detail": "The note was changed after it had been made. Delete it instead."}


def test_purged_notes_leave_the_list(mira: httpx.Client, write: Write) -> None:
    note = write("Secret title")
    mira.delete(f"notes/{note['id']}/")
    mira.delete("notes/deleted/empty/")
    assert all(item["id"] != note["id"] for change in changes(mira) for item in change["items"] if item["kind"] == "note")
    assert undo(mira).status_code == 409
