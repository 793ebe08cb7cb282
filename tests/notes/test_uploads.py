"""Uploads from which nothing may be lost: texts that were cut, drafts that look alike, bins that are emptied meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from commands.context import Context, utc_now
from commands.notes.commands import CreateNote, create_note, incoming_note
from commands.notes.lookups import NewNote
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
