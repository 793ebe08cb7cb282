"""Everything that was deleted can come back, until the bin is emptied: then it is forgotten."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from structlog.testing import capture_logs

from commands.notes.bin import purge_deleted_notes
from eventstore.blobs import MARKER, Blobs, new_path
from eventstore.codec import Recorded
from eventstore.events import attachments
from reactors.files import remove_purged, remove_strays, sweep_strays, take_over_store
from reactors.retention import empty_bins, forget_old
from tests.door.people import Person
from wiring import Services

MakeCourse = Callable[..., dict[str, Any]]
MakeNote = Callable[..., int]
Inbox = Callable[[Person], int]


def entries(server: httpx.Client, person: Person) -> list[tuple[str, int, str]]:
    listed = server.get("recycle-bin/", headers=person.headers).json()
    assert all(entry["deleted_at"].endswith("+00:00") for entry in listed)
    return [(entry["kind"], entry["id"], entry["title"]) for entry in listed]


def restore(server: httpx.Client, kind: str, number: int, person: Person) -> httpx.Response:
    return server.post(f"recycle-bin/{kind}/{number}/restore/", json={}, headers=person.headers)


def attach(server: httpx.Client, note: int, person: Person, content: bytes = b"text", name: str = "a.txt") -> dict[str, Any]:
    answer = server.post(f"notes/{note}/attachments/", files={"file": (name, content)}, headers=person.headers)
    file: dict[str, Any] = answer.json()
    return file


def notes_in(server: httpx.Client, course: int, person: Person) -> set[int]:
    return {note["id"] for note in server.get(f"courses/{course}/notes/", headers=person.headers).json()}


def test_restored_course_gets_back_the_notes_that_nobody_moved(
    server: httpx.Client, make_course: MakeCourse, make_note: MakeNote, inbox: Inbox, mira: Person, noah: Person
) -> None:
    course = make_course(mira, "Biology", client_course_id="c1", description="kept", icon=7)
    other = make_course(mira, "Other")["id"]
    stays, moves, foreign, binned = (make_note(person, course["id"]) for person in (mira, mira, noah, mira))
    before = server.get(f"notes/{stays}/", headers=mira.headers).json()["last_edit"]
    server.delete(f"notes/{binned}/", headers=mira.headers)
    assert server.delete(f"courses/{course['id']}/", headers=mira.headers).status_code == 204
    server.patch(f"notes/{moves}/", json={"course_id": other}, headers=mira.headers)
    assert ("course", course["id"], "Biology") in entries(server, mira)
    assert entries(server, noah) == []
    assert restore(server, "course", course["id"], noah).status_code == 404
    back = restore(server, "course", course["id"], mira)
    assert back.status_code == 200
    for name in ("id", "slug", "title", "description", "icon", "client_course_id"):
        assert back.json()[name] == course[name]
    assert notes_in(server, course["id"], mira) == {stays}
    assert notes_in(server, course["id"], noah) == {foreign}
    assert notes_in(server, other, mira) == {moves}
    assert server.get(f"notes/{stays}/", headers=mira.headers).json()["last_edit"] == before
    assert server.post(f"notes/{binned}/restore/", json={}, headers=mira.headers).json()["course_id"] == course["id"]
    assert restore(server, "course", course["id"], mira).status_code == 404


def test_client_id_that_was_given_to_another_course_stays_there(server: httpx.Client, make_course: MakeCourse, mira: Person) -> None:
    first = make_course(mira, "First", client_course_id="same")["id"]
    server.delete(f"courses/{first}/", headers=mira.headers)
    second = make_course(mira, "Second", client_course_id="same")
    assert second["id"] != first
    assert restore(server, "course", first, mira).json()["client_course_id"] is None
    assert make_course(mira, "Third", client_course_id="same")["id"] == second["id"]


def test_attachment_comes_back_under_its_address(
    server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person, noah: Person
) -> None:
    note = make_note(mira)
    file = attach(server, note, mira)
    server.delete(f"notes/{note}/attachments/{file['id']}/", headers=mira.headers)
    assert site.get(file["url"]).status_code == 404
    assert entries(server, mira) == [("attachment", file["id"], "a.txt")]
    assert restore(server, "attachment", file["id"], noah).status_code == 404
    assert restore(server, "attachment", file["id"], mira).json() == file
    assert site.get(file["url"]).content == b"text"
    assert restore(server, "attachment", file["id"], mira).status_code == 404


def test_attachment_waits_for_its_note(server: httpx.Client, make_note: MakeNote, mira: Person) -> None:
    note = make_note(mira, title="Binned")
    file = attach(server, note, mira)["id"]
    server.delete(f"notes/{note}/attachments/{file}/", headers=mira.headers)
    server.delete(f"notes/{note}/", headers=mira.headers)
    assert restore(server, "attachment", file, mira).status_code == 400
    assert restore(server, "note", note, mira).json()["title"] == "Binned"
    assert restore(server, "attachment", file, mira).status_code == 200


def test_emptied_means_forgotten(services: Services, server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person) -> None:
    note, kept = make_note(mira), make_note(mira)
    gone = attach(server, note, mira, b"secret bytes", "secret-name.txt")
    single = attach(server, kept, mira, b"secret too", "secret-two.txt")
    stays = attach(server, kept, mira, b"open", "open-name.txt")
    server.delete(f"notes/{kept}/attachments/{single['id']}/", headers=mira.headers)
    server.delete(f"notes/{note}/", headers=mira.headers)
    assert server.delete("notes/deleted/empty/", headers=mira.headers).json()["count"] == 1
    assert entries(server, mira) == []
    with psycopg.connect(services.settings.conninfo()) as connection:
        payloads = connection.execute("SELECT string_agg(encode(data, 'escape'), ' ') FROM log.events").fetchone()
        purged = connection.execute("SELECT stream, version, recorded_at FROM log.events WHERE type = 'AttachmentPurged'").fetchall()
        folders = connection.execute("SELECT data->>'folder' FROM log.readable_events WHERE type = 'AttachmentPurged'").fetchall()
    assert payloads is not None
    assert "secret" not in payloads[0]
    assert "open-name.txt" in payloads[0]
    for (stream, version, at), (folder,) in zip(purged, folders, strict=True):
        event = attachments.AttachmentPurged(originator_id=stream, originator_version=version, timestamp=at, folder=folder)
        for _ in range(2):
            remove_purged(Recorded(1, event, b"{}"), services)
    assert [site.get(file["url"]).status_code for file in (gone, single, stays)] == [404, 404, 200]


def test_strays_are_removed_after_the_grace_period_only(
    services: Services, server: httpx.Client, site: httpx.Client, make_note: MakeNote, mira: Person
) -> None:
    note = make_note(mira)
    file = attach(server, note, mira)
    binned = attach(server, note, mira)
    server.delete(f"notes/{note}/attachments/{binned['id']}/", headers=mira.headers)
    stray = new_path("user_upload/user_1/notes/note_1", "stray.txt")
    services.blobs.put_now(stray, b"lost")
    half = services.settings.data_dir / "media" / f"{stray}#1"
    half.write_bytes(b"lo")
    assert sum(remove_strays(services, older_than=datetime.now(UTC) - timedelta(hours=1))) == 0
    assert half.exists()
    assert sum(remove_strays(services, older_than=datetime.now(UTC) + timedelta(hours=1))) == 1
    assert services.blobs.read_now(stray) is None
    assert not half.exists()
    assert site.get(file["url"]).content == b"text"
    assert restore(server, "attachment", binned["id"], mira).status_code == 200
    assert site.get(binned["url"]).content == b"text"


@pytest.fixture
def unbound(services: Services, tmp_path: Path) -> Services:
    """The services over an empty store that nobody has marked, and a log that has none yet."""
    with services.thread_pool.connection() as connection:
        connection.execute("DELETE FROM log.facts WHERE name = 'file_store'")
    return replace(services, blobs=Blobs.at(tmp_path))


def put_long_ago(services: Services, path: str) -> None:
    services.blobs.put_now(path, b"text")
    os.utime(Path(services.blobs.place) / path, (0, 0))


def stored(services: Services) -> set[str]:
    return {blob.path for batch in services.blobs.list_now() for blob in batch}


def own_id(services: Services) -> str | None:
    with services.thread_pool.connection() as connection:
        row = connection.execute("SELECT value FROM log.facts WHERE name = 'file_store'").fetchone()
    return row[0] if row else None


STRAY = "user_upload/user_1/notes/note_1/abc/stray.txt"


@pytest.mark.parametrize("marked", [None, "another"])
def test_nothing_is_swept_in_the_store_of_another_database(unbound: Services, marked: str | None) -> None:
    put_long_ago(unbound, STRAY)
    if marked:
        unbound.blobs.mark_now(marked)
    for _ in range(2):
        with capture_logs() as logged:
            list(sweep_strays(unbound))
        assert stored(unbound) == {STRAY}
        assert unbound.blobs.owner_now() == marked
        (warning,) = logged
        assert (warning["log_level"], warning["store"], warning["id"]) == ("warning", unbound.blobs.place, own_id(unbound))
    # As the warning advises.
    (Path(unbound.blobs.place) / MARKER).write_text(f"{own_id(unbound)}\n")
    list(sweep_strays(unbound))
    assert stored(unbound) == set()


def test_an_empty_store_becomes_the_databases_own(unbound: Services) -> None:
    list(sweep_strays(unbound))
    assert unbound.blobs.owner_now() == own_id(unbound) is not None
    put_long_ago(unbound, STRAY)
    # Behind each piece of what is looked through, which is far more elsewhere, the loop can tell that it is well.
    assert len(list(sweep_strays(unbound))) == 1
    assert stored(unbound) == set()
    assert unbound.blobs.owner_now() == own_id(unbound)


@pytest.mark.parametrize(("own", "marked"), [(None, None), ("of-the-archive", None), (None, "of-the-backup")])
def test_a_store_that_the_log_fills_is_its_own(
    unbound: Services, server: httpx.Client, make_note: MakeNote, mira: Person, own: str | None, marked: str | None
) -> None:
    note = make_note(mira)
    files = {attach(server, note, mira)["url"].partition("/media/")[2] for _ in range(10)}
    for path in (*files, STRAY):
        put_long_ago(unbound, path)
    if own:
        with unbound.thread_pool.connection() as connection:
            connection.execute("INSERT INTO log.facts VALUES ('file_store', %s)", (own,))
    if marked:
        unbound.blobs.mark_now(marked)
    list(sweep_strays(unbound))
    assert stored(unbound) == files
    assert unbound.blobs.owner_now() == own_id(unbound)
    assert (own or marked) in (None, own_id(unbound))


def test_an_import_takes_over_the_store_that_it_has_filled(
    unbound: Services, server: httpx.Client, make_note: MakeNote, mira: Person
) -> None:
    unbound.blobs.mark_now("of the server that was here before")
    put_long_ago(unbound, STRAY)
    assert not take_over_store(unbound, set())
    assert unbound.blobs.owner_now() == "of the server that was here before"
    # Such as a picture that was replaced shortly before the export.
    assert take_over_store(unbound, {STRAY})
    unbound.blobs.delete_now([STRAY])
    put_long_ago(unbound, attach(server, make_note(mira), mira)["url"].partition("/media/")[2])
    assert take_over_store(unbound, set())
    assert unbound.blobs.owner_now() == own_id(unbound) is not None


@pytest.mark.parametrize("kind", ["course", "subscription", "attachment"])
def test_changes_can_be_undone(
    server: httpx.Client, site: httpx.Client, make_course: MakeCourse, make_note: MakeNote, mira: Person, noah: Person, kind: str
) -> None:
    def undo(person: Person) -> int:
        answer = server.post("undo/", json={}, headers=person.headers)
        assert answer.status_code == 200, answer.text
        return answer.status_code

    course = make_course(mira, "Before")["id"]
    path = f"courses/{course}/"
    if kind == "course":
        note = make_note(mira, course)
        server.patch(path, json={"title": "After", "icon": 3}, headers=mira.headers)
        assert undo(mira) == 200
        assert server.get(path).json()["title"] == "Before"
        server.delete(path, headers=mira.headers)
        assert undo(mira) == 200
        assert notes_in(server, course, mira) == {note}
    elif kind == "subscription":
        server.post(path + "subscribe/", headers=noah.headers)
        assert undo(noah) == 200
        assert server.get(path).json()["subscriber_count"] == 0
    else:
        file = attach(server, make_note(mira, course), mira)
        assert undo(mira) == 200
        assert site.get(file["url"]).status_code == 404


def test_what_has_lain_in_the_bin_for_too_long_is_forgotten(
    services: Services, server: httpx.Client, make_note: MakeNote, mira: Person
) -> None:
    old, again, fresh = (make_note(mira, title=title) for title in ("old", "again", "fresh"))
    file, kept = (attach(server, fresh, mira)["id"] for _ in range(2))
    for path in (f"notes/{old}/", f"notes/{again}/", f"notes/{fresh}/attachments/{file}/"):
        server.delete(path, headers=mira.headers)
    moment = datetime.now(UTC)
    restore(server, "note", again, mira)
    for path in (f"notes/{again}/", f"notes/{fresh}/attachments/{kept}/"):
        server.delete(path, headers=mira.headers)
    (deleted, _) = server.get("notes/deleted/", headers=mira.headers).json()
    until, since = (datetime.fromisoformat(deleted[name]) for name in ("restorable_until", "deleted_at"))
    assert until - since == timedelta(days=30)
    before = entries(server, mira)
    list(forget_old(services))
    assert entries(server, mira) == before
    list(empty_bins(services, moment))
    assert entries(server, mira) == [("attachment", kept, "a.txt"), ("note", again, "again")]
    assert restore(server, "note", old, mira).status_code == restore(server, "attachment", file, mira).status_code == 404


def test_a_bin_is_emptied_in_batches_and_one_that_cannot_be_keeps_up_no_other(
    services: Services, server: httpx.Client, make_note: MakeNote, mira: Person, noah: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted((mira, noah), key=lambda person: person.account_id)
    for person in (first, second):
        note = make_note(person)
        file = attach(server, note, person)["id"]
        server.delete(f"notes/{note}/attachments/{file}/", headers=person.headers)
        for _ in range(5):
            server.delete(f"notes/{make_note(person)}/", headers=person.headers)
    batches: list[tuple[int, int]] = []

    def purge(work: Any, account_id: int, note_ids: Any, before: datetime) -> int:
        batches.append((account_id, len(note_ids)))
        if account_id == first.account_id:
            raise ValueError
        return purge_deleted_notes(work, account_id, note_ids, before)

    monkeypatch.setattr("reactors.retention.purge_deleted_notes", purge)
    monkeypatch.setattr("reactors.retention.BATCH", 2)
    with capture_logs() as logged:
        # A deletion right after the making is dated two milliseconds behind it.
        batches.extend((0, 0) for _ in empty_bins(services, datetime.now(UTC) + timedelta(seconds=1)))
    told = {line["account"]: (line["log_level"], line.get("notes")) for line in logged}
    begun = batches.index((second.account_id, 2))
    # Behind each batch, the last one of which is its file, the loop can tell that it is well.
    assert [size for _, size in batches[begun : begun + 7]] == [2, 0, 2, 0, 1, 0, 0]
    assert (told[first.account_id], told[second.account_id]) == (("error", None), ("info", 5))
    assert entries(server, second) == []
    assert len(entries(server, first)) == 6
