"""A day of two people with two devices each, every device with a session of its own (contract: clients 4, 6 and 7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.accounts.people import PASSWORD
from tests.notes.app import Device

SignIn = Callable[[], httpx.Client]


@pytest.fixture
def people(server: httpx.Client, sign_in: SignIn) -> Iterator[list[tuple[Device, Device]]]:
    """(laptop, phone) of two people, each signed in with the password."""
    clients: list[httpx.Client] = []
    people = []
    for person in ("mira", "ravi"):
        email = sign_in().get("settings/").json()["email"]
        devices = []
        for name in ("laptop", "phone"):
            token = server.post("auth/login/", json={"email": email, "password": PASSWORD}).json()["token"]
            client = httpx.Client(base_url=server.base_url, headers={"Authorization": f"Token {token}"}, timeout=60)
            clients.append(client)
            devices.append(Device(client, f"{person}-{name}"))
        people.append((devices[0], devices[1]))
    yield people
    for client in clients:
        client.close()


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Results of what several devices do at the same moment."""
    with ThreadPoolExecutor(len(work)) as devices:
        return [done.result() for done in [devices.submit(each) for each in work]]


def cloud(device: Device) -> dict[int, dict[str, Any]]:
    """All that a pull of this device would bring, without making copies of it."""
    page = device.ok(device.client.get("notes/", params={"limit": 50, "offset": 0, "scope": "personal"}))
    assert page["has_more"] is False
    return {note["id"]: device.ok(device.client.get(f"notes/{note['id']}/")) for note in page["results"]}


def test_offline_drafts_of_four_devices_arrive_at_once(people: list[tuple[Device, Device]]) -> None:
    devices = [device for pair in people for device in pair]
    for number, device in enumerate(devices):
        device.begin()
        # The same local ids, titles and names of drafts everywhere: only what belongs to an account may tell them apart.
        device.courses = [{"title": "Biology", "client_id": "course_1_1", "local_id": -7}]
        for nth in range(6):
            device.draft("Same title", f"# Same title\n\n{device.name} {nth}", -7 if nth % 2 else None)
        device.drafts[0]["client_draft_id"] = f"draft_{number % 2}"
    uploaded = at_once(*(device.push for device in devices))
    assert len({note["id"] for notes in uploaded for note in notes}) == 24
    for laptop, phone in people:
        mine = cloud(laptop)
        assert cloud(phone) == mine
        assert len(mine) == 12
        assert {note["author"]["username"] for note in mine.values()} == {laptop.username}
        assert sorted(note["course"]["title"] for note in mine.values()) == ["Biology"] * 6 + ["Inbox"] * 6
        seen = phone.begin()
        assert [course["title"] for course in seen["courses"] if course["is_owned"]] == ["Inbox", "Biology"]
        assert seen["page"]["total"] == 12
        edits = [note["last_edit"] for note in seen["page"]["results"]]
        assert edits == sorted(edits, reverse=True)
        (biology,) = {note["course_id"] for note in mine.values() if note["course"]["title"] == "Biology"}
        page = phone.ok(phone.client.get("notes/", params={"limit": 20, "offset": 0, "scope": "personal", "course_id": biology}))
        assert {note["id"] for note in page["results"]} == {i for i, note in mine.items() if note["course_id"] == biology}
        found = phone.ok(phone.client.get("notes/", params={"limit": 20, "offset": 0, "scope": "personal", "q": f"{laptop.name} 4"}))
        assert found["results"][0]["id"] == next(i for i, note in mine.items() if f"{laptop.name} 4" in note["content"])


def test_both_devices_edit_offline_and_upload_at_once(people: list[tuple[Device, Device]]) -> None:
    (laptop, phone), (other, _) = people
    text = "# Note\n\n" + "\n\n".join(f"paragraph {nth} as it was" for nth in range(8))
    for nth in range(4):
        laptop.draft(f"Note {nth}", text)
    notes = laptop.push()
    at_once(laptop.pull, phone.pull)
    # Two devices, two paragraphs far apart: whoever comes second is merged with the first.
    for note in notes:
        at_once(
            lambda note_id=note["id"]: laptop.push_copy(note_id, text.replace("paragraph 1 as it was", "of the laptop")),  # type: ignore[misc]
            lambda note_id=note["id"]: phone.push_copy(note_id, text.replace("paragraph 6 as it was", "of the phone")),  # type: ignore[misc]
        )
    both = text.replace("paragraph 1 as it was", "of the laptop").replace("paragraph 6 as it was", "of the phone")
    assert {note["content"] for note in cloud(phone).values()} == {both}
    # The same word on both, without having seen each other: the later text stands, the other one is a labelled version.
    at_once(laptop.pull, phone.pull)
    note_id = notes[0]["id"]
    laptop.push_copy(note_id, both.replace("paragraph 3 as", "paragraph three as"))
    assert phone.push_copy(note_id, both.replace("paragraph 3 as", "paragraph III as"))["content"].count("III") == 1
    kept = laptop.ok(laptop.client.get(f"notes/{note_id}/history/"))[0]
    assert kept["label"].startswith("Overwritten")
    assert "paragraph three as" in kept["content"]
    laptop.ok(laptop.client.post(f"notes/{note_id}/restore/{kept['id']}/", json={}))
    assert "paragraph three as" in phone.ok(phone.client.get(f"notes/{note_id}/"))["content"]
    assert cloud(other) == {}


def test_deleted_on_one_device_edited_on_the_other(people: list[tuple[Device, Device]]) -> None:
    (laptop, phone), _ = people
    laptop.draft("Kept", "text")
    laptop.draft("Deleted", "text")
    kept, deleted = laptop.push()
    phone.pull()
    laptop.client.delete(f"notes/{deleted['id']}/")
    seen = phone.begin()
    assert [note["id"] for note in seen["page"]["results"]] == [kept["id"]]
    assert [note["id"] for note in seen["deleted"]] == [deleted["id"]]
    # The phone had it open. Its save fails, its text becomes a draft, and then a note that knows where it comes from.
    phone.save_or_fork(deleted, "text that the phone went on with")
    (fork,) = phone.push()
    assert (fork["content"], fork["offline_source_note_id"]) == ("text that the phone went on with", deleted["id"])
    phone.ok(phone.client.post(f"notes/{deleted['id']}/restore/", json={}))
    assert cloud(laptop)[deleted["id"]]["content"] == "text"
    assert set(cloud(laptop)) == {kept["id"], deleted["id"], fork["id"]}


def test_lost_answers_and_replays_leave_one_note_each(people: list[tuple[Device, Device]]) -> None:
    (laptop, phone), (other, _) = people
    laptop.draft("Lost answer", "# Lost answer\n\ntext")
    (note,) = laptop.push()
    # The app never saw the answer: the draft that it falls back to bears another name.
    laptop.draft("Lost answer", "# Lost answer\n\ntext")
    assert [again["id"] for again in laptop.push()] == [note["id"]]
    other.draft("Lost answer", "# Lost answer\n\ntext")
    assert other.push()[0]["id"] != note["id"]
    # Out of the device's own bin, changed, after the note was deleted on the other device.
    draft = phone.draft("Replayed", "first")
    (replayed,) = phone.push()
    laptop.client.delete(f"notes/{replayed['id']}/")
    phone.drafts = [{**draft, "content": "second"}]
    (again,) = phone.push()
    assert (again["id"], again["uuid"], again["outcome"], again["content"]) == (replayed["id"], replayed["uuid"], "restored", "second")
    assert "first" in [v["content"] for v in phone.ok(phone.client.get(f"notes/{replayed['id']}/history/", params={"include": "edits"}))]


def test_files_that_were_queued_arrive_after_their_draft(people: list[tuple[Device, Device]], server: httpx.Client) -> None:
    (laptop, phone), (other, _) = people
    queue = [{"filename": "cell.png", "size_bytes": 3, "local_url": "local://draft/cell.png"}]
    laptop.draft("Picture", "# Picture\n\n![cell.png](local://draft/cell.png)", queued_attachments=queue)
    (note,) = laptop.push()
    assert "local://draft/cell.png" in note["content"]
    assert json.loads(note["metadata_json"])["queued_attachments"] == queue
    saved = laptop.send_queued(note, {"cell.png": b"\x89PNG\r\n\x1a\nbytes"})
    url = saved["content"].partition("](")[2].removesuffix(")")
    assert url.startswith("http://")
    assert server.get(url).content == b"\x89PNG\r\n\x1a\nbytes"
    assert "queued_attachments" not in json.loads(saved["metadata_json"])
    (listed,) = phone.ok(phone.client.get(f"notes/{note['id']}/attachments/"))
    assert (listed["original_filename"], listed["url"]) == ("cell.png", url)
    assert other.client.get(f"notes/uuid/{note['uuid']}/attachments/").status_code == 400


def test_shared_note_is_seen_by_everybody_and_survives_an_unmodified_app(people: list[tuple[Device, Device]], server: httpx.Client) -> None:
    (laptop, phone), (other, _) = people
    laptop.draft("Shared", "# Shared\n\ntext")
    (note,) = laptop.push()
    metadata = {**json.loads(note["metadata_json"]), "is_public": True, "description": "for all"}
    note = laptop.save({**note, "metadata_json": json.dumps(metadata)}, note["content"])
    assert (note["is_public"], note["description"]) == (True, "for all")
    # An app that never opened the metadata dialog sends back what it was served.
    note = phone.save(phone.ok(phone.client.get(f"notes/{note['id']}/")), "# Shared\n\nmore text")
    assert (note["is_public"], note["description"], note["course"]["title"]) == (True, "for all", "Inbox")
    every: dict[str, str] = {"limit": "20", "offset": "0", "scope": "all"}
    assert note["id"] in [n["id"] for n in other.ok(other.client.get("notes/", params=every))["results"]]
    assert note["id"] not in [n["id"] for n in other.ok(other.client.get("notes/", params={**every, "scope": "personal"}))["results"]]
    anonymous = httpx.Client(base_url=server.base_url)
    assert note["id"] in [n["id"] for n in anonymous.get("notes/", params=every).json()["results"]]
    assert anonymous.get(f"notes/uuid/{note['uuid']}/").json()["can_edit"] is False
    assert other.client.patch(f"notes/{note['id']}/", json={"content": "mine"}).status_code == 403
    laptop.client.delete(f"notes/{note['id']}/")
    assert anonymous.get(f"notes/uuid/{note['uuid']}/").status_code == 404
    assert note["id"] not in [n["id"] for n in anonymous.get("notes/", params=every).json()["results"]]
    anonymous.close()


def test_course_deleted_on_one_device_while_the_other_files_a_draft_in_it(people: list[tuple[Device, Device]]) -> None:
    (laptop, phone), _ = people
    phone.courses = [{"title": "Chemistry", "client_id": "course_9_9", "local_id": -9}]
    phone.draft("In it", "text", -9)
    (note,) = phone.push()
    phone.pull()
    phone.courses = []
    laptop.client.delete(f"courses/{note['course_id']}/")
    assert cloud(laptop)[note["id"]]["course"]["title"] == "Inbox"
    # The copy still names the course: the save is taken, and the note stays in the Inbox.
    saved = phone.push_copy(note["id"], "text and more")
    assert (saved["content"], saved["course"]["title"]) == ("text and more", "Inbox")
    phone.draft("Late", "text", note["course_id"])
    assert phone.push()[0]["course"]["title"] == "Inbox"
    laptop.ok(laptop.client.post(f"recycle-bin/course/{note['course_id']}/restore/"))
    assert cloud(phone)[note["id"]]["course"]["title"] == "Chemistry"
