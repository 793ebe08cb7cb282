"""The apps' synchronisation as they do it (contract: clients 6 and 7): two people with two devices each."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.notes.app import Device


@pytest.fixture
def devices(mira: httpx.Client) -> tuple[Device, Device]:
    """Two devices of Mira's."""
    return Device(mira, "laptop"), Device(mira, "phone")


def test_drafts_and_their_course_arrive_once(devices: tuple[Device, Device], ravi: httpx.Client) -> None:
    laptop, _ = devices
    laptop.courses = [{"title": "Biology", "client_id": "course_1_1", "local_id": -1775901234567890}]
    kept = [laptop.draft(f"note {number}", f"# note {number}\n\ntext {number}", -1775901234567890) for number in range(3)]
    inbox_draft = laptop.draft("loose", "text")
    uploaded = laptop.push()
    assert [note["course"]["title"] for note in uploaded] == ["Biology"] * 3 + ["Inbox"]
    laptop.drafts = [*kept, inbox_draft]
    again = laptop.push()
    assert [note["id"] for note in again] == [note["id"] for note in uploaded]
    assert laptop.client.get("notes/", params={"limit": 20}).json()["total"] == 4
    assert len([course for course in laptop.client.get("courses/").json() if course["title"] == "Biology"]) == 1
    assert [note["description"] for note in again] == [note["description"] for note in uploaded]
    other = Device(ravi, "tablet")
    other.courses = [{"title": "Biology", "client_id": "course_1_1", "local_id": -1}]
    other.drafts = [{**kept[0]}]
    assert other.push()[0]["id"] not in {note["id"] for note in uploaded}


def test_pull_reads_every_note_once(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    for number in range(53):
        laptop.draft(f"note {number}", f"text {number}")
    uploaded = {note["id"]: note["content"] for note in laptop.push()}
    phone.pull()
    assert {note_id: copy["content"] for note_id, copy in phone.copies.items()} == uploaded


def test_both_devices_keep_what_they_wrote(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    text = "# Note\n\nfirst paragraph\n\nsecond paragraph\n\nthird paragraph"
    laptop.draft("Note", text)
    (note,) = laptop.push()
    phone.pull()
    note = laptop.save(note, text.replace("first", "FIRST"))
    merged = phone.push_copy(note["id"], text.replace("third", "THIRD"))
    assert merged["content"] == text.replace("first", "FIRST").replace("third", "THIRD")
    assert (merged["description"], merged["course_id"]) == (note["description"], note["course_id"])
    again = phone.push_copy(note["id"], merged["content"] + "\n\nmore")
    assert again["content"] == merged["content"] + "\n\nmore"
    laptop.save(again, "# Note\n\nall new")
    assert laptop.client.get(f"notes/{note['id']}/").json()["content"] == "# Note\n\nall new"


def test_copies_of_one_state_are_merged_when_both_are_uploaded(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    text = "# Note\n\nfirst paragraph\n\nsecond paragraph\n\nthird paragraph"
    laptop.draft("Note", text)
    (note,) = laptop.push()
    laptop.pull()
    phone.pull()
    laptop.push_copy(note["id"], text.replace("first", "FIRST"))
    merged = phone.push_copy(note["id"], text.replace("third", "THIRD"))
    assert merged["content"] == text.replace("first", "FIRST").replace("third", "THIRD")
    collided = laptop.push_copy(note["id"], text.replace("third", "3rd"))
    assert collided["content"] == text.replace("third", "3rd")
    kept = laptop.client.get(f"notes/{note['id']}/history/").json()[0]
    assert (kept["reason"], kept["content"]) == ("overwritten", merged["content"])


def test_editor_saves_on_what_it_has_read_after_an_upload(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    laptop.draft("Note", "one\n\ntwo")
    (note,) = laptop.push()
    phone.pull()
    phone.push_copy(note["id"], "one\n\ntwo, and what the phone added")
    note = laptop.ok(laptop.client.get(f"notes/{note['id']}/"))
    assert json.loads(note["metadata_json"])["source_note_last_edit"] == note["last_edit"]
    for taken_back in ("one\n\ntwo", "one"):
        note = laptop.save(note, taken_back)
        assert (note["content"], note["outcome"]) == (taken_back, "updated")
    assert laptop.client.get(f"notes/{note['id']}/history/").json() == []


def test_texts_that_collide_are_both_in_the_history(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    laptop.draft("Note", "one word")
    (note,) = laptop.push()
    phone.pull()
    laptop.save(note, "laptop word")
    assert phone.push_copy(note["id"], "phone word")["content"] == "phone word"
    history = laptop.client.get(f"notes/{note['id']}/history/").json()
    assert [version["content"] for version in history] == ["laptop word"]


def test_bin_flow_of_the_editor(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    laptop.draft("Note", "text")
    (note,) = laptop.push()
    assert laptop.client.delete(f"notes/{note['id']}/").content == b""
    assert [entry["title"] for entry in phone.client.get("notes/deleted/").json()] == ["Note"]
    assert phone.client.get("notes/", params={"limit": 20, "offset": 0}).json()["results"] == []
    Device.ok(phone.client.post(f"notes/{note['id']}/restore/", json={}))
    assert laptop.client.get(f"notes/{note['id']}/").json()["uuid"] == note["uuid"]
    laptop.client.delete(f"notes/{note['id']}/")
    assert Device.ok(laptop.client.delete("notes/deleted/empty/"))["count"] == 1


def test_forked_draft_arrives_beside_its_source(devices: tuple[Device, Device]) -> None:
    laptop, _ = devices
    laptop.draft("Note", "text")
    (note,) = laptop.push()
    laptop.draft("Note", "text that could not be saved", offline_source_note_id=note["id"])
    (fork,) = laptop.push()
    assert fork["id"] != note["id"]
    assert fork["offline_source_note_id"] == note["id"]


def test_snapshots_go_along_with_saves(devices: tuple[Device, Device]) -> None:
    laptop, _ = devices
    laptop.draft("Note", "0")
    (note,) = laptop.push()
    for number, reason in enumerate(("autosave_1h", "autosave_10m", "autosave_1m")):
        note = laptop.save(note, f"text {number}")
        laptop.ok(laptop.client.post(f"notes/{note['id']}/snapshot/", json={"reason": reason}))
    history = laptop.client.get(f"notes/{note['id']}/history/").json()
    assert [version["label"] for version in history] == ["AutoSave-1m", "AutoSave-10m", "AutoSave-1h"]
    oldest = history[-1]
    restored = laptop.ok(laptop.client.post(f"notes/{note['id']}/restore/{oldest['id']}/", json={}))
    assert restored["content"] == "text 0"
