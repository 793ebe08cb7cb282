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


@pytest.mark.parametrize("edited", [False, True])
def test_a_copy_that_is_sent_again_after_a_merge_takes_nothing_back(devices: tuple[Device, Device], edited: bool) -> None:
    """A device takes over only the time of a merged note: its copy stays as it was, and is sent at each sign-in."""
    laptop, phone = devices
    text = "first line\n\nsecond line\n\nthird line"
    metadata = {"section": "A", "color": 1}
    note = laptop.ok(laptop.client.post("notes/", json={"title": "Old", "content": text, "metadata_json": json.dumps(metadata)}))
    path = f"notes/{note['id']}/"
    phone.pull()
    changes = {"title": "New", "content": text.replace("first", "FIRST"), "metadata_json": json.dumps({**metadata, "section": "B"})}
    laptop.ok(laptop.client.patch(path, json=changes))
    own = text.replace("third", "THIRD") if edited else text
    wanted = own.replace("first", "FIRST")
    versions = []
    for _ in range(4):
        phone.push_copy(note["id"], own)
        now = phone.ok(phone.client.get(path))
        assert (now["title"], now["content"]) == ("New", wanted)
        kept = json.loads(now["metadata_json"])
        assert (kept["section"], kept["color"]) == ("B", 1)
        versions.append(now["version"])
    assert versions[1:] == [versions[0]] * 3
    # What either does later arrives as well.
    laptop.ok(laptop.client.patch(path, json={"title": "Newer"}))
    own = own.replace("second", "SECOND")
    assert phone.push_copy(note["id"], own)["content"] == wanted.replace("second", "SECOND")
    phone.push_copy(note["id"], own)
    now = phone.ok(phone.client.get(path))
    assert (now["title"], now["content"]) == ("Newer", wanted.replace("second", "SECOND"))


def test_what_a_copy_itself_changed_does_not_undo_what_came_later(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    note = laptop.ok(laptop.client.post("notes/", json={"title": "Old", "content": "text"}))
    path = f"notes/{note['id']}/"
    phone.pull()
    laptop.ok(laptop.client.patch(path, json={"content": "text of the laptop"}))
    phone.copies[note["id"]]["title"] = "Of the phone"
    assert phone.push_copy(note["id"], "text")["title"] == "Of the phone"
    laptop.ok(laptop.client.patch(path, json={"title": "Of the laptop"}))
    now = phone.push_copy(note["id"], "text")
    assert (now["title"], now["content"]) == ("Of the laptop", "text of the laptop")


def test_metadata_as_it_was_served_takes_no_newer_value_back(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    note = laptop.ok(laptop.client.post("notes/", json={"title": "T", "content": "x", "metadata_json": '{"section":"A"}'}))
    path = f"notes/{note['id']}/"
    served = phone.ok(phone.client.get(path))
    laptop.ok(laptop.client.patch(path, json={"metadata_json": '{"section":"B"}'}))
    stale = {"content": "y", "metadata_json": served["metadata_json"], "base_version": served["version"]}
    now = phone.ok(phone.client.patch(path, json=stale))
    assert (json.loads(now["metadata_json"])["section"], now["content"]) == ("B", "y")


def test_an_editor_that_has_read_the_merged_note_changes_what_it_shows(devices: tuple[Device, Device]) -> None:
    """It tells the same time as the device whose copy was merged, but began with the merged text."""
    laptop, phone = devices
    text = "first line\n\nsecond line\n\nthird line"
    note = laptop.ok(laptop.client.post("notes/", json={"title": "Old", "content": text}))
    path = f"notes/{note['id']}/"
    phone.pull()
    laptop.ok(laptop.client.patch(path, json={"title": "New", "content": text.replace("first", "FIRST")}))
    merged = phone.push_copy(note["id"], text.replace("third", "THIRD"))
    shown = laptop.ok(laptop.client.get(path))
    assert (shown["title"], shown["content"]) == ("New", merged["content"])
    saved = laptop.save({**shown, "title": "Old"}, "second line\n\nTHIRD line")
    assert (saved["title"], saved["content"]) == ("Old", "second line\n\nTHIRD line")


def test_a_description_that_was_not_there_takes_no_newer_one_back(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    note = laptop.ok(laptop.client.post("notes/", json={"title": "T", "content": "x"}))
    path = f"notes/{note['id']}/"
    none = laptop.ok(laptop.client.patch(path, json={"description": None}))
    laptop.ok(laptop.client.patch(path, json={"description": "newer"}))
    now = phone.ok(phone.client.patch(path, json={"description": "", "content": "y", "base_version": none["version"]}))
    assert (now["description"], now["content"]) == ("newer", "y")
