"""The apps' synchronisation as they do it (contract: clients 6 and 7): two people with two devices each."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx
import pytest


class Device:
    """An app on one device: a client of its account, drafts that are only here, copies of cloud notes."""

    def __init__(self, client: httpx.Client, name: str) -> None:
        self.client = client
        self.name = name
        self.username: str = client.get("settings/").json()["username"]
        self.drafts: list[dict[str, Any]] = []
        self.courses: list[dict[str, Any]] = []
        self.copies: dict[int, dict[str, Any]] = {}
        self.numbers = itertools.count(1)

    def draft(self, title: str, content: str, course: int | None = None, **metadata: Any) -> dict[str, Any]:
        """Writes a note while there is no network."""
        draft = {
            "title": title,
            "description": content[:180],
            "content": content,
            "editor_mode": "P",
            "client_draft_id": f"draft_{self.name}_{next(self.numbers)}",
            "metadata": {"section": "", "autosave": False, "course_id": course, **metadata},
        }
        self.drafts.append(draft)
        return draft

    def push(self) -> list[dict[str, Any]]:
        """Uploads courses, then drafts, one by one, reading the first page of the list after each."""
        for course in self.courses:
            answer = self.client.post(
                "courses/", json={"title": course["title"], "description": "", "client_course_id": course["client_id"]}
            )
            course["id"] = self.ok(answer)["id"]
        uploaded = []
        for draft in self.drafts:
            note = self.upload(draft)
            page = self.ok(self.client.get("notes/", params={"limit": 20, "offset": 0, "scope": "personal"}))
            assert note["id"] in [found["id"] for found in page["results"]]
            uploaded.append(note)
        self.drafts = []
        return uploaded

    def upload(self, draft: dict[str, Any]) -> Any:
        """One draft, in a course only if that has an id of the server."""
        metadata = dict(draft["metadata"])
        for course in self.courses:
            if metadata["course_id"] == course["local_id"]:
                metadata["course_id"] = course["id"]
        body = {name: value for name, value in draft.items() if name != "metadata"}
        if (metadata["course_id"] or 0) > 0:
            body["course_id"] = metadata["course_id"]
        return self.ok(self.client.post("notes/", json={**body, "metadata_json": json.dumps(metadata), "is_public": False}))

    def pull(self) -> None:
        """All notes, page by page, then each of them."""
        offset, more = 0, True
        while more:
            page = self.ok(self.client.get("notes/", params={"limit": 50, "offset": offset, "scope": "personal"}))
            for summary in page["results"]:
                note = self.ok(self.client.get(f"notes/{summary['id']}/"))
                metadata = {
                    **json.loads(note["metadata_json"]),
                    "pulled_from_cloud_note_id": note["id"],
                    "pulled_from_account": self.username,
                    "is_cloud_copy": True,
                    "source_note_last_edit": note["last_edit"],
                }
                self.copies[note["id"]] = {**note, "metadata": metadata}
            offset += 50
            more = page["has_more"] is True and bool(page["results"])

    def push_copy(self, note_id: int, content: str) -> Any:
        """Uploads an edited copy, whatever the cloud note has become."""
        copy = self.copies[note_id]
        body = {
            "title": copy["title"],
            "description": copy["description"],
            "content": content,
            "editor_mode": copy["editor_mode"],
            "course_id": copy["metadata"].get("course_id"),
            "metadata_json": json.dumps(copy["metadata"]),
            "is_public": False,
        }
        note = self.ok(self.client.patch(f"notes/{note_id}/", json=body))
        copy["metadata"]["source_note_last_edit"] = note["last_edit"]
        return note

    def save(self, note: dict[str, Any], content: str) -> Any:
        """What the editor does after a pause: description, course and visibility come out of the metadata."""
        metadata = json.loads(note["metadata_json"])
        body = {
            "title": note["title"],
            "description": metadata.get("description") or "",
            "course_id": metadata.get("course_id"),
            "is_public": metadata.get("is_public") is True,
            "content": content,
            "metadata_json": note["metadata_json"],
            "editor_mode": note["editor_mode"],
        }
        return self.ok(self.client.patch(f"notes/{note['id']}/", json=body))

    @staticmethod
    def ok(answer: httpx.Response) -> Any:
        """The object of an answer that the app would take."""
        assert answer.status_code < 400, answer.text
        return answer.json()


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
