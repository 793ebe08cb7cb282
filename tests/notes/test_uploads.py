"""Uploads from which nothing may be lost: texts that were cut, drafts that look alike, bins that are emptied meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from commands.context import Context, utc_now
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.commands import CreateNote, Saved, create_note, incoming_note
from commands.notes.lookups import NewNote
from projections.notes.lookups import MOST_TWINS
from wiring import Services

Write = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("more", ["", ', "number": 12345678901234567890'])
def test_metadata_that_ends_in_half_a_character_is_served_with_the_true_fields(write: Write, more: str) -> None:
    note = write(description="aa", is_public=True, metadata_json='{"description": "aa\\ud83d..."' + more + "}")
    served = json.loads(note["metadata_json"])
    assert (served["description"], served["is_public"], served.get("number")) == ("aa", True, 12345678901234567890 if more else None)


def test_half_a_character_loses_no_save(mira: httpx.Client, write: Write) -> None:
    """The apps cut descriptions at 180 code units, between the halves of an emoji as well."""
    note = write(content="one", metadata_json='{"tags":["a"]}')
    metadata = json.dumps({"tags": ["a"], "description": "cut \ud83d", "course_id": note["course_id"], "is_public": False})
    body = {"description": "cut \ud83d...", "content": "two", "metadata_json": metadata}
    saved = mira.patch(f"notes/{note['id']}/", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert saved.status_code == 200, saved.text
    assert (saved.json()["content"], saved.json()["description"]) == ("two", "cut \ufffd...")
    assert json.loads(saved.json()["metadata_json"])["tags"] == ["a"]


def test_a_draft_that_says_other_things_is_no_twin(mira: httpx.Client, write: Write) -> None:
    empty = {"title": "", "content": ""}
    first = mira.post("notes/", json={**empty, "client_draft_id": "twin-1"}).json()
    blocks = [{"block_type": "N", "text": "precious"}]
    second = mira.post("notes/", json={**empty, "client_draft_id": "twin-2", "blocks": blocks})
    assert (second.status_code, "precious" in second.json()["content"]) == (201, True)
    sources = [write(f"Source {number}", is_public=True)["uuid"] for number in range(2)]
    comment = {"title": "c", "content": "Well said", "note_type": "C"}
    comments = [
        mira.post("notes/", json={**comment, "client_draft_id": f"comment-{number}", "source_note_uuid": uuid}).json()
        for number, uuid in enumerate(sources)
    ]
    assert len({first["id"], second.json()["id"], *(made["id"] for made in comments)}) == 4
    assert [made["source_note_uuid"] for made in comments] == sources


def upload(client: httpx.Client, name: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    """The status and the note."""
    answer = client.post("notes/", json={"title": "Draft", "content": "one", "client_draft_id": name, **fields})
    assert answer.is_success, answer.text
    return answer.status_code, answer.json()


def at_once(*uploads: Callable[[], tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    """Each in a thread of its own."""
    with ThreadPoolExecutor(len(uploads)) as threads:
        return list(threads.map(lambda one: one(), uploads))


def test_a_twin_is_found_again_by_its_own_name(mira: httpx.Client) -> None:
    _, note = upload(mira, "one", description="d", metadata_json='{"tags":["a"]}')
    for name in ("two", "three"):
        status, twin = upload(mira, name)
        assert (status, twin["id"], twin["outcome"], twin["last_edit"]) == (200, note["id"], "unchanged", note["last_edit"])
    # What it left empty it does not empty when it comes once more.
    status, again = upload(mira, "two")
    assert (again["outcome"], again["description"], json.loads(again["metadata_json"])["tags"]) == ("unchanged", "d", ["a"])
    known = {"If-Match": str(again["version"])}
    assert mira.patch(f"notes/{note['id']}/", json={"module": "M"}, headers=known).status_code == 200
    for number, name in enumerate(("two", "three", "one")):
        status, changed = upload(mira, name, content=f"changed {number}")
        assert (status, changed["id"], changed["outcome"], changed["content"]) == (200, note["id"], "updated", f"changed {number}")
    assert [version["content"] for version in mira.get(f"notes/{note['id']}/history/").json()] == ["changed 1", "changed 0", "one"]


def test_a_twins_name_brings_its_note_back_and_goes_with_it(mira: httpx.Client, ravi: httpx.Client) -> None:
    _, note = upload(mira, "one")
    upload(mira, "two")
    assert upload(ravi, "two", content="of somebody else")[0] == 201
    mira.delete(f"notes/{note['id']}/")
    # What lies in the bin has no twins.
    status, other = upload(mira, "three")
    assert (status, other["id"] != note["id"]) == (201, True)
    status, back = upload(mira, "two", content="changed")
    assert (status, back["id"], back["outcome"], back["content"]) == (200, note["id"], "restored", "changed")
    mira.delete(f"notes/{note['id']}/")
    assert mira.delete("notes/deleted/empty/").is_success
    status, anew = upload(mira, "two", content="changed")
    assert (status, anew["id"] not in {note["id"], other["id"]}) == (201, True)


def test_recognising_a_twin_is_no_change_that_could_be_taken_back(mira: httpx.Client) -> None:
    _, note = upload(mira, "one")
    upload(mira, "two")
    (change,) = mira.get("changes/").json()["results"]
    assert mira.post("undo/").is_success, change
    assert [deleted["id"] for deleted in mira.get("notes/deleted/").json()] == [note["id"]]
    assert upload(mira, "two")[1]["outcome"] == "restored"


def test_what_a_draft_says_beside_its_text_is_not_dropped(mira: httpx.Client) -> None:
    course_id = mira.post("courses/", json={"title": "Biology"}).json()["id"]
    _, note = upload(mira, "one", metadata_json='{"section":"","autosave":false}')
    told: list[dict[str, Any]] = [
        {"description": "MY DESC"},
        {"course_id": course_id},
        {"metadata_json": '{"tags":["a"]}'},
        {"metadata_json": "no object"},
        {"custom_meta": "{}"},
        {"module": "M"},
        {"is_public": True},
        {"editor_mode": "G"},
    ]
    made = [upload(mira, f"told {number}", **fields) for number, fields in enumerate(told)]
    assert [status for status, _ in made] == [201] * len(told)
    for (_, draft), fields in zip(made, told, strict=True):
        assert {name: draft[name] for name in fields if name != "metadata_json"} == {
            name: value for name, value in fields.items() if name != "metadata_json"
        }
    assert json.loads(made[2][1]["metadata_json"])["tags"] == ["a"]
    # The same once more, whose first answer was lost: of several that look alike each finds its own.
    for number, (fields, (_, draft)) in enumerate(zip(told, made, strict=True)):
        assert upload(mira, f"again {number}", **fields)[1]["id"] == draft["id"]
    found = {"offline_source_note_id": note["id"], "queued_attachments": [], "autosave": True, "course_id": -7, "description": "x"}
    assert upload(mira, "forked", metadata_json=json.dumps(found))[1]["id"] == note["id"]


def test_of_many_drafts_alike_the_newest_are_compared(mira: httpx.Client) -> None:
    made = [upload(mira, f"draft {number}", description=f"Description {number}") for number in range(MOST_TWINS + 3)]
    assert [status for status, _ in made] == [201] * len(made)
    assert upload(mira, "again", description=f"Description {len(made) - 1}")[1]["id"] == made[-1][1]["id"]
    assert upload(mira, "long ago", description="Description 0")[0] == 201


def test_empty_drafts_of_different_courses_stay_apart(mira: httpx.Client) -> None:
    courses = [None, *(mira.post("courses/", json={"title": title}).json()["id"] for title in ("A", "B"))]
    empty = {"title": "", "content": ""}
    made = [upload(mira, f"empty {number}", **empty, course_id=course)[1] for number, course in enumerate(courses)]
    assert len({note["id"] for note in made}) == 3
    assert [note["course_id"] for note in made[1:]] == courses[1:]


def test_twins_that_come_at_once_are_one_note(mira: httpx.Client) -> None:
    names = [f"twin {number}" for number in range(6)]
    made = at_once(*(lambda name=name: upload(mira, name) for name in names))
    assert len({note["id"] for _, note in made}) == 1
    assert sorted(status for status, _ in made) == [200] * 5 + [201]
    for name in names:
        assert upload(mira, name, content=name)[1]["id"] == made[0][1]["id"]


def test_a_twin_that_is_made_meanwhile_is_found(mira: httpx.Client, services: Services) -> None:
    """Another device's upload is stored between this one's decision and its append."""
    account_id = upload(mira, "other", content="of another text")[1]["author"]["id"]
    command = CreateNote(title="Draft", content="one", client_draft_id="two")
    made: list[int] = []

    def decide(work: Work[Lookups]) -> Saved:
        saved = create_note(work, account_id, command)
        if not made:
            made.append(upload(mira, "one")[1]["id"])
        return saved

    saved = services.commands.run(decide, Context(actor=account_id, channel="web")).result
    assert saved == Saved(made[0], "unchanged")


def test_uploads_of_one_text_wait_for_each_other(mira: httpx.Client, services: Services) -> None:
    _, note = upload(mira, "one", content="of another text")
    command = CreateNote(title="Draft", content="one", client_draft_id="two")
    turn = services.lookups.drafts_take_turns(note["author"]["id"], incoming_note(command, utc_now()))
    with psycopg.connect(services.settings.conninfo()) as first, ThreadPoolExecutor(1) as threads:
        first.execute(turn.sql.encode(), turn.params)
        second = threads.submit(upload, mira, "three")
        while first.execute("SELECT count(*) FROM pg_locks WHERE classid = 7266111 AND NOT granted").fetchone() != (1,):
            assert not second.done()
        first.rollback()
        assert second.result()[0] == 201


def test_one_draft_with_several_texts_at_once_is_one_note_that_keeps_them_all(mira: httpx.Client) -> None:
    texts = [f"text {number}" for number in range(8)]
    made = at_once(*(lambda text=text: upload(mira, "draft", content=text) for text in texts))
    assert len({note["id"] for _, note in made}) == 1
    path = f"notes/{made[0][1]['id']}/"
    kept = [version["content"] for version in mira.get(f"{path}history/").json()]
    assert sorted([*kept, mira.get(path).json()["content"]]) == texts


def test_one_name_does_not_come_to_stand_for_two_notes(mira: httpx.Client, services: Services) -> None:
    """A draft is recognised while another text comes under its name."""
    _, note = upload(mira, "one")
    account_id = note["author"]["id"]
    command = CreateNote(title="Draft", content="other", client_draft_id="two")
    met = [NewNote(*services.lookups.for_new_note(account_id, incoming_note(command, utc_now())))]
    assert upload(mira, "two")[1]["outcome"] == "unchanged"
    context = Context(actor=account_id, channel="web")
    saved = services.commands.run(lambda work: create_note(work, account_id, command, met.pop() if met else None), context).result
    assert (saved.outcome, saved.note_id) == ("updated", note["id"])


def test_a_draft_whose_note_is_purged_meanwhile_becomes_a_new_note(mira: httpx.Client, services: Services, write: Write) -> None:
    """The bin is emptied between the look at what the draft meets and the decision."""
    note = write("Draft", content="old", client_draft_id="purged-draft")
    mira.delete(f"notes/{note['id']}/")
    account_id = note["author"]["id"]
    command = CreateNote(title="Draft", content="precious", client_draft_id="purged-draft")
    met = NewNote(*services.lookups.for_new_note(account_id, incoming_note(command, utc_now())))
    assert met.draft_note_id == note["id"]
    assert mira.delete("notes/deleted/empty/").is_success
    context = Context(actor=account_id, channel="web")
    saved = services.commands.run(lambda work: create_note(work, account_id, command, met), context).result
    assert (saved.outcome, saved.note_id != note["id"]) == ("created", True)
    assert mira.get(f"notes/{saved.note_id}/").json()["content"] == "precious"
