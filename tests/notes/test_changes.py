"""Listing changes and taking them back."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import httpx
import pytest

from projections.changes.lookups import ChangeAnswers
from wiring import Services

Write = Callable[..., dict[str, Any]]


def changes(client: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = client.get("changes/", params=params).json()["results"]
    return results


def pages(client: httpx.Client, limit: int) -> list[dict[str, Any]]:
    """All changes, page by page."""
    seen: list[dict[str, Any]] = []
    before = None
    while True:
        page = client.get("changes/", params={"limit": limit, **({"before": before} if before else {})}).json()
        seen += page["results"]
        assert page["has_more"] == (page["next_before"] is not None)
        if not page["has_more"]:
            return seen
        before = page["next_before"]


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


def test_undoing_is_foreseen(mira: httpx.Client, write: Write) -> None:
    """And nothing comes of looking."""
    assert mira.get("undo/").status_code == 409
    note = write(title="Before")
    mira.patch(f"notes/{note['id']}/", json={"title": "After"})
    newest, first = changes(mira)[:2]
    foreseen = mira.get("undo/").json()
    assert foreseen == {"change": newest["id"], "command": newest["command"], "summary": "Note renamed: After", "publishes": False}
    assert mira.get("undo/", params={"change": newest["id"]}).json() == foreseen
    assert mira.get("undo/", params={"change": first["id"]}).status_code == 409
    assert changes(mira)[0] == newest


def test_changes_are_paged(mira: httpx.Client, write: Write) -> None:
    note = write()
    for number in range(7):
        mira.patch(f"notes/{note['id']}/", json={"title": f"title {number}"})
    seen = [change["id"] for change in pages(mira, 3)]
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
    assert undo(mira).json() == {"detail": "There is nothing to undo among the latest changes of the account."}


def made_in(client: httpx.Client, kind: str) -> str:
    """The path of a thing of this kind that was just made, and then renamed."""
    fields = {
        "courses": {"title": "One"},
        "planner-events": {"title": "One", "event_date": "2031-05-06"},
        "calendar-feeds": {"title": "One", "source_kind": "I", "source_url": "", "raw_ical": "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"},
    }[kind]
    made = client.post(f"{kind}/", json=fields)
    assert made.status_code == 201, made.text
    path = f"{kind}/{made.json()['id']}/"
    assert client.patch(path, json={"title": "Two"}).status_code == 200
    return path


@pytest.mark.parametrize("kind", ["courses", "planner-events", "calendar-feeds"])
def test_undoing_goes_on_to_the_making_of_a_thing(mira: httpx.Client, kind: str) -> None:
    path = made_in(mira, kind)
    assert undo(mira).status_code == 200
    assert mira.get(path).json()["title"] == "One"
    mira.delete(path)
    assert undo(mira).status_code == 200
    assert undo(mira).status_code == 200
    assert mira.get(path).status_code == 404


def test_undoing_a_write_of_blocks_brings_their_types_and_ids_back(mira: httpx.Client) -> None:
    blocks = [{"block_type": kind, "text": text} for kind, text in (("T", "T"), ("E", "example"), ("P", "proof"))]
    note = mira.post("notes/", json={"title": "T", "blocks": blocks}).json()
    path = f"notes/{note['id']}/"
    mira.patch(path, json={"content": f"{note['content']}\n\nmore"})
    before = mira.get(f"{path}blocks/").json()
    assert [block["block_type"] for block in before] == ["T", "E", "P", "N"]
    mira.patch(path, json={"blocks": [{"block_type": "T", "text": "x"}]})
    assert undo(mira).status_code == 200
    after = mira.get(f"{path}blocks/").json()
    assert [(block["id"], block["block_type"], block["text"]) for block in after] == [
        (block["id"], block["block_type"], block["text"]) for block in before
    ]
    mira.delete(f"blocks/{before[1]['id']}/")
    assert undo(mira).status_code == 200
    assert [block["id"] for block in mira.get(f"{path}blocks/").json()] == [block["id"] for block in before]


def test_deleting_the_only_block_is_undone_and_done_again(mira: httpx.Client, write: Write) -> None:
    note = write(title="T", content="# T")
    path = f"notes/{note['id']}/"
    only = mira.get(f"{path}blocks/").json()
    mira.delete(f"blocks/{only[0]['id']}/")
    deletion = changes(mira)[0]["id"]
    assert mira.get(f"{path}blocks/").json() == []
    assert undo(mira).json()["undone"] == deletion
    assert [(block["id"], block["text"]) for block in mira.get(f"{path}blocks/").json()] == [(only[0]["id"], "T")]
    assert undo(mira, changes(mira)[0]["id"]).status_code == 200
    assert mira.get(f"{path}blocks/").json() == []


def test_undo_goes_on_when_others_took_back_what_it_had_found(mira: httpx.Client, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    note = write(content="0")
    path = f"notes/{note['id']}/"
    for text in ("1", "2", "3", "4"):
        mira.patch(path, json={"content": text})
    find, others = ChangeAnswers.last_change, [2]

    def late(self: ChangeAnswers, account_id: int, kinds: Container[str], before: int | None, key: str | None) -> Any:
        found = find(self, account_id, kinds, before, key)
        for _ in range(others.pop() if others else 0):
            assert undo(mira).status_code == 200
        return found

    monkeypatch.setattr(ChangeAnswers, "last_change", late)
    assert undo(mira).status_code == 200
    assert mira.get(path).json()["content"] == "1"


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
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith(f'The note {note["id"]} "Other": the same part of the text was changed again since.')
    assert mira.get(path).json()["title"] == "Other"
    mira.patch(path, json={"title": "Again"})
    assert undo(mira, named).json()["detail"].startswith(f'The note {note["id"]} "Again": its title was changed again since.')


def test_undo_brings_deleted_notes_back_with_their_visibility(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    note = write(is_public=True)
    comment = ravi.post("notes/", json={"title": "c", "note_type": "C", "is_public": True, "source_note_uuid": note["uuid"]}).json()
    mira.delete(f"notes/{note['id']}/")
    assert mira.get(f"notes/{comment['id']}/").status_code == 400
    assert undo(mira).status_code == 200
    assert ravi.get(f"notes/{note['id']}/").status_code == 200
    assert mira.get(f"notes/{comment['id']}/").status_code == 200


def test_undo_of_making_a_note_is_refused_once_it_was_changed(mira: httpx.Client, write: Write) -> None:
    note = write("Mine", content="a")
    made = changes(mira)[0]["id"]
    mira.patch(f"notes/{note['id']}/", json={"content": "b"})
    told = undo(mira, made).json()["detail"]
    assert told.startswith(f'The note {note["id"]} "Mine" was changed after it had been made.')
    assert "only if whoever wrote that says so" in told


def test_undo_goes_on_to_the_making_of_a_note_behind_a_write_of_blocks(mira: httpx.Client, write: Write) -> None:
    path = f"notes/{write('R', content='hello')['id']}/"
    assert mira.post(f"{path}blocks/", json={"block_type": "N", "text": "more"}).status_code == 201
    assert undo(mira).status_code == 200
    assert undo(mira).status_code == 200
    assert mira.get(path).status_code == 404


def test_purged_notes_leave_the_list(mira: httpx.Client, write: Write) -> None:
    note = write("Secret title")
    mira.delete(f"notes/{note['id']}/")
    mira.delete("notes/deleted/empty/")
    assert all(item["id"] != note["id"] for change in changes(mira) for item in change["items"] if item["kind"] == "note")
    assert undo(mira).status_code == 409


def test_undo_goes_past_what_cannot_be_undone_and_what_changed_nothing(mira: httpx.Client, write: Write) -> None:
    note = write(content="one")
    path = f"notes/{note['id']}/"
    mira.patch(path, json={"content": "two"})
    mira.post(f"{path}snapshot/", json={})
    current = mira.get(f"{path}history/").json()[0]["id"]
    assert mira.post(f"{path}restore/{current}/").status_code == 200
    assert mira.patch("settings/", json={"motto": "Slowly"}).status_code == 200
    assert undo(mira).status_code == 200
    assert mira.get(path).json()["content"] == "one"
    settings = next(change for change in changes(mira) if any(item["kind"] == "account" for item in change["items"]))
    assert undo(mira, settings["id"]).json() == {"detail": "This kind of change cannot be undone."}


def test_where_the_search_for_the_last_change_ends_older_ones_are_not_denied(
    mira: httpx.Client, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"notes/{write()['id']}/"
    mira.post(f"{path}snapshot/", json={})
    current = mira.get(f"{path}history/").json()[0]["id"]
    for _ in range(2):
        assert mira.post(f"{path}restore/{current}/").status_code == 200
    monkeypatch.setattr("commands.undo.WITHOUT_EFFECT", 2)
    assert mira.get("undo/").json()["detail"].startswith("Nothing is left of the latest changes")


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes are read in portions that are smaller than some of them."""
    monkeypatch.setattr("projections.changes.lookups.EVENTS_AT_ONCE", 5)
    monkeypatch.setattr("projections.changes.queries.EVENTS_READ", 7)


@pytest.mark.usefixtures("few_at_once")
@pytest.mark.parametrize("named", [False, True])
def test_a_change_of_more_events_than_are_read_at_once_is_one_change(mira: httpx.Client, write: Write, named: bool) -> None:
    course = mira.post("courses/", json={"title": "Baking"}).json()["id"]
    notes = {write(f"note {number}", course_id=course)["id"] for number in range(17)}
    mira.delete(f"courses/{course}/")
    listed = changes(mira, limit=3)
    assert {item["id"] for item in listed[0]["items"] if item["kind"] == "note"} == notes
    assert [len(change["items"]) for change in listed[1:]] == [1, 1]
    assert undo(mira, listed[0]["id"] if named else None).json()["undone"] == listed[0]["id"]
    assert {mira.get(f"notes/{number}/").json()["course_id"] for number in notes} == {course}
    seen = [change["id"] for change in pages(mira, 2)]
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 17 + 3


def interleave(services: Services, commands: Sequence[str], order: str) -> None:
    """Gives the events of these commands the order that they have when the commands run at the same moment: such as abab."""
    with services.log.pool.connection() as connection:
        rows = connection.execute(
            "SELECT position, metadata FROM log.events WHERE actor IS NOT NULL AND position >= "
            "(SELECT min(position) FROM log.events WHERE position(%(first)s::bytea IN metadata) > 0) ORDER BY position",
            {"first": commands[0].encode()},
        ).fetchall()
        of = {letter: [row[0] for row in rows if command in row[1].decode()] for letter, command in zip("abcd", commands, strict=False)}
        free = sorted(position for positions in of.values() for position in positions)
        assert len(free) == len(order)
        moves = [(position, of[letter].pop(0)) for position, letter in zip(free, order, strict=True)]
        for new, old in moves:
            connection.execute("UPDATE log.events SET position = %s WHERE position = %s", (-new, old))
        connection.execute("UPDATE log.events SET position = -position WHERE position < 0")


@pytest.mark.parametrize(("order", "at_once"), [("aabbbbccccaa", 2000), ("abababccaccb", 2000), ("ababacbacbcc", 12)])
def test_changes_of_commands_that_ran_at_the_same_moment_are_each_listed_once(
    mira: httpx.Client, write: Write, services: Services, monkeypatch: pytest.MonkeyPatch, order: str, at_once: int
) -> None:
    notes = [write() for _ in range(3)]
    for note in notes:
        fields = {"title": "Other", "content": "c", "module": "m", "description": "d"}
        assert mira.patch(f"notes/{note['id']}/", json=fields).status_code == 200
    interleave(services, [change["command"] for change in changes(mira)[2::-1]], order)
    listed = changes(mira)
    assert [len(change["types"]) for change in listed] == [4, 4, 4, 1, 1, 1]
    monkeypatch.setattr("projections.changes.queries.EVENTS_READ", at_once)
    for limit in (1, 2, 3, 100):
        assert pages(mira, limit) == listed
    assert undo(mira).json()["command"] == listed[0]["command"]
    for change in listed[1:3]:
        assert undo(mira, change["id"]).status_code == 200
    assert [mira.get(f"notes/{note['id']}/").json()["title"] for note in notes] == ["Cell biology"] * 3


def test_the_last_change_is_found_behind_long_ones(mira: httpx.Client, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look for each, however many events they have."""
    course = mira.post("courses/", json={"title": "Baking"}).json()["id"]
    notes = [write(f"note {number}", course_id=course)["id"] for number in range(12)]
    mira.delete(f"courses/{course}/")
    deletion = changes(mira)[0]["id"]
    assert undo(mira).status_code == 200
    assert undo(mira, changes(mira)[0]["id"]).status_code == 200
    assert mira.post(f"recycle-bin/course/{course}/restore/").status_code == 200
    assert undo(mira).status_code == 200
    monkeypatch.setattr("projections.changes.lookups.EVENTS_AT_ONCE", 6)
    monkeypatch.setattr("projections.changes.lookups.MOST_LOOKS", 5)
    assert mira.get("undo/").json()["change"] == deletion
    assert undo(mira).json()["undone"] == deletion
    assert {mira.get(f"notes/{number}/").json()["course_id"] for number in notes} == {course}
