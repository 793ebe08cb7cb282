"""Copies of notes that devices go on sending (contract: clients 7.3 and 7.4): nothing that others wrote is taken back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.notes.app import Device

TEXT = "first line\n\nsecond line\n\nthird line"


@pytest.fixture
def devices(mira: httpx.Client) -> tuple[Device, Device]:
    """Two devices of one person, signed in."""
    return Device(mira, "mira"), Device(mira, "mira")


def written(device: Device, **fields: Any) -> dict[str, Any]:
    note: dict[str, Any] = device.ok(device.client.post("notes/", json={"title": "Old", "content": TEXT, **fields}))
    return note


def now(device: Device, note: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = device.ok(device.client.get(f"notes/{note['id']}/"))
    return found


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


def test_a_second_upload_of_an_old_copy_takes_nothing_back(devices: tuple[Device, Device]) -> None:
    """The first one does not make the copy newer."""
    laptop, phone = devices
    note = written(laptop, metadata_json='{"section":"A"}')
    course = laptop.ok(laptop.client.post("courses/", json={"title": f"Course of {note['id']}"}))
    phone.pull()
    newer = {"title": "New", "description": "Told", "course_id": course["id"], "metadata_json": '{"section":"A","tags":["x"]}'}
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json=newer))
    phone.push_copy(note["id"], TEXT)
    phone.push_copy(note["id"], f"{TEXT}\n\nfourth line")
    after = now(laptop, note)
    assert (after["title"], after["description"], after["course"]["id"]) == ("New", "Told", course["id"])
    assert json.loads(after["metadata_json"])["tags"] == ["x"]
    assert after["content"] == f"{TEXT}\n\nfourth line"


def test_what_a_copy_changed_itself_is_known_whenever_it_comes_again(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    note = written(laptop)
    phone.pull()
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"content": TEXT.replace("third", "THIRD")}))
    copy = phone.copies[note["id"]]
    copy.update(title="Of the phone", description="Of the phone")
    copy["metadata"]["section"] = "phone"
    own = TEXT.replace("first", "FIRST")
    phone.push_copy(note["id"], own)
    shown = now(laptop, note)
    metadata = {**json.loads(shown["metadata_json"]), "section": "laptop", "description": "Of the laptop"}
    laptop.save({**shown, "title": "Of the laptop", "metadata_json": json.dumps(metadata)}, shown["content"])
    for _ in range(3):
        phone.push_copy(note["id"], own)
        after = now(laptop, note)
        assert (after["title"], after["description"]) == ("Of the laptop", "Of the laptop")
        assert json.loads(after["metadata_json"])["section"] == "laptop"
        assert after["content"] == TEXT.replace("first", "FIRST").replace("third", "THIRD")


def test_uploads_at_the_same_moment_know_each_other_apart(devices: tuple[Device, Device]) -> None:
    """The times under which devices know their states are never so close that one could stand for another."""
    laptop, phone = devices
    for _ in range(5):
        note = written(laptop)
        texts = {laptop: TEXT.replace("first", "FIRST"), phone: TEXT.replace("third", "THIRD")}
        laptop.pull()
        phone.pull()
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda device: device.push_copy(note["id"], texts[device]), texts))  # noqa: B023 - done before the next round
        for device, text in texts.items():
            device.push_copy(note["id"], text)
        assert now(laptop, note)["content"] == TEXT.replace("first", "FIRST").replace("third", "THIRD")


def test_a_course_that_goes_meanwhile_changes_nothing_about_the_copy(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    course = laptop.ok(laptop.client.post("courses/", json={"title": "Goes"}))
    note = written(laptop, course_id=course["id"])
    phone.pull()
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"content": TEXT.replace("third", "THIRD")}))
    own = TEXT.replace("first", "FIRST")
    phone.push_copy(note["id"], own)
    laptop.client.delete(f"courses/{course['id']}/")
    phone.push_copy(note["id"], own)
    assert now(laptop, note)["content"] == own.replace("third", "THIRD")


def test_a_note_that_came_back_with_its_course_stays_there(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    course = laptop.ok(laptop.client.post("courses/", json={"title": "Comes back"}))
    note = written(laptop, course_id=course["id"])
    laptop.client.delete(f"courses/{course['id']}/")
    phone.pull()
    laptop.ok(laptop.client.post("undo/", json={}))
    assert phone.push_copy(note["id"], TEXT)["course"]["id"] == course["id"]


def test_who_has_read_a_merged_note_may_remove_what_was_merged(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    note = written(laptop)
    phone.pull()
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"content": TEXT.replace("third", "third added")}))
    phone.push_copy(note["id"], TEXT.replace("first", "FIRST"))
    # Another device with a copy, and an editor.
    laptop.pull()
    removed = TEXT.replace("first", "FIRST")
    assert laptop.push_copy(note["id"], removed)["content"] == removed
    shown = now(laptop, note)
    assert laptop.save(shown, f"{removed}zz")["content"] == f"{removed}zz"


def test_a_copy_that_was_merged_may_change_all_of_its_text(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    long = f"first line\n\n{'a long paragraph ' * 20}\n\nlast line"
    note = written(laptop, content=long)
    phone.pull()
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"content": "first line\n\nnew line\n\nlast line"}))
    copy = long.replace("first", "FIRST")
    phone.push_copy(note["id"], copy)
    phone.push_copy(note["id"], copy.replace("FIRST", "1st").replace("last", "LAST"))
    assert now(laptop, note)["content"] == "1st line\n\nnew line\n\nLAST line"


def test_metadata_alone_after_a_merge_keeps_the_members_of_others(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    note = written(laptop)
    phone.pull()
    newer = {"content": TEXT.replace("third", "THIRD"), "metadata_json": '{"section":"laptop","mine":1}'}
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json=newer))
    metadata = phone.copies[note["id"]]["metadata"]
    metadata["queued_attachments"] = [{"filename": "a.png"}]
    phone.push_copy(note["id"], TEXT.replace("first", "FIRST"))
    del metadata["queued_attachments"]
    phone.ok(phone.client.patch(f"notes/{note['id']}/", json={"metadata_json": json.dumps(metadata)}))
    kept = json.loads(now(laptop, note)["metadata_json"])
    assert (kept["section"], kept["mine"], kept.get("queued_attachments")) == ("laptop", 1, None)


def test_a_place_that_both_changed_takes_nothing_else_with_it(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    note = written(laptop, content=f"# Heading\n\n{TEXT}")
    phone.pull()
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"content": f"# Laptop's\n\n{TEXT}\n\nadded"}))
    merged = phone.push_copy(note["id"], f"# Phone's\n\n{TEXT}")
    assert merged["content"] == f"# Phone's\n\n{TEXT}\n\nadded"
    (kept,) = laptop.client.get(f"notes/{note['id']}/history/").json()
    assert (kept["reason"], kept["content"]) == ("overwritten", f"# Laptop's\n\n{TEXT}\n\nadded")


def test_what_both_added_at_one_place_is_there_twice_over(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    note = written(laptop)
    phone.pull()
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"content": f"{TEXT}\n\nof the laptop"}))
    merged = phone.push_copy(note["id"], f"{TEXT}\n\nof the phone")
    assert merged["content"] == f"{TEXT}\n\nof the laptop\n\nof the phone"
    # Who goes on with what had arrived already, its answer lost, does not say it twice.
    phone.copies[note["id"]]["metadata"]["source_note_last_edit"] = note["last_edit"]
    again = phone.push_copy(note["id"], f"{TEXT}\n\nof the phone, and more")
    assert again["content"].count("of the laptop") == 1


def test_lines_that_were_added_survive_a_change_next_to_them(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    note = written(laptop, content="# T\n\none two three")
    phone.pull()
    added = "# T\n\none two three\n\nA1\n\nA2"
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"content": added}))
    merged = phone.push_copy(note["id"], "# T\n\nuno dos tres")
    assert merged["content"] == "# T\n\nuno dos tres\n\nA1\n\nA2"
    (kept,) = laptop.client.get(f"notes/{note['id']}/history/").json()
    assert (kept["reason"], kept["content"]) == ("before_merge", added)


def test_a_line_that_another_one_begins_with_is_kept_as_a_version(devices: tuple[Device, Device]) -> None:
    """It may be one that grew, its first answer lost: then it is there once."""
    laptop, phone = devices
    note = written(laptop, content="list:")
    phone.pull()
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"content": "list:\n- milk"}))
    assert phone.push_copy(note["id"], "list:\n- milk chocolate")["content"] == "list:\n- milk chocolate"
    (kept,) = laptop.client.get(f"notes/{note['id']}/history/").json()
    assert (kept["reason"], kept["content"]) == ("overwritten", "list:\n- milk")


def test_numbers_and_depth_of_metadata_survive_merging(devices: tuple[Device, Device]) -> None:
    laptop, phone = devices
    number = 123456789012345678901234567890
    note = written(laptop, metadata_json=f'{{"number":{number}}}')
    phone.pull()
    laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"metadata_json": f'{{"number":{number},"section":"A"}}'}))
    phone.copies[note["id"]]["metadata"]["color"] = 1
    phone.push_copy(note["id"], TEXT)
    kept = json.loads(now(laptop, note)["metadata_json"])
    assert (kept["number"], kept["section"], kept["color"]) == (number, "A", 1)
    for depth in (100, 300, 950, 2000):
        deep = f'{{"a":{"[" * depth}{"]" * depth}}}'
        laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"metadata_json": deep}))
        assert "[" * depth in now(laptop, note)["metadata_json"]
        laptop.ok(laptop.client.patch(f"notes/{note['id']}/", json={"metadata_json": deep.replace("a", "b")}))
