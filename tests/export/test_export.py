"""The archive of an account: everything of its own, and nothing else."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
import yaml

from eventstore.blobs import Blobs, BlobStoreUnavailable
from tests.door.people import Person
from wiring import Services

MakeNote = Callable[..., int]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
EVENT = "UID:1\r\nDTSTAMP:20261101T000000Z\r\nDTSTART:20261101T100000Z\r\nSUMMARY:Tea"
ICS = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\n{EVENT}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def exported(server: httpx.Client, person: Person, query: str = "") -> ZipFile:
    answer = server.get(f"export/{query}", headers=person.headers)
    assert (answer.status_code, answer.headers["content-type"], answer.headers["cache-control"]) == (200, "application/zip", "no-store")
    archive = ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def data(archive: ZipFile, name: str) -> Any:
    return json.loads(archive.read(f"data/{name}.json"))


def history(archive: ZipFile) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read("history.jsonl").splitlines()]


def texts(archive: ZipFile, folder: str = "notes/") -> dict[str, str]:
    return {name: archive.read(name).decode() for name in archive.namelist() if name.startswith(folder)}


@pytest.fixture
def full(server: httpx.Client, mira: Person, noah: Person) -> int:
    """A note of mira's. She has something of every kind, and noah too; each follows a course of the other."""

    def send(method: str, path: str, person: Person = mira, **body: Any) -> Any:
        answer = server.request(method, path, headers=person.headers, **body)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    def write(person: Person, title: str, word: str, picture: bytes) -> int:
        course = send("POST", "courses/", person, json={"title": title, "description": word})["id"]
        fields = {"title": f"{title}: a start", "description": f"How, and\n{word}", "content": f"# {title}\n\n{word}", "is_public": True}
        note = int(send("POST", "notes/", person, json={**fields, "course_id": course})["id"])
        send("PATCH", f"notes/{note}/", person, json={"content": f"# {title}\n\n{word}, water"})
        send("POST", f"notes/{note}/attachments/", person, files={"file": ("a.png", picture, "image/png")})
        send("POST", f"notes/{note}/cover/", person, files={"cover": ("cover.png", picture + b"cover", "image/png")})
        gone = send("POST", "notes/", person, json={"title": f"Old {word}", "content": "stale"})["id"]
        send("DELETE", f"notes/{gone}/", person)
        hours = {"event_date": "2026-12-01", "starts_at": "2026-12-01T10:00:00Z", "ends_at": "2026-12-01T11:00:00Z"}
        send("POST", "planner-events/", person, json={"title": f"Buy {word}", **hours})
        send("POST", "calendar-feeds/", person, json={"title": f"Fairs of {word}", "raw_ical": ICS})
        send("POST", "note-sessions/", person, json={"note_id": note, "started_at": "2026-11-01T10:00:00Z"})
        send("POST", f"courses/{course}/subscribe/", noah if person is mira else mira)
        return note

    write(noah, "Brewing", "hops", PNG + b"hops")
    return write(mira, "Baking", "flour", PNG)


def test_everything_of_an_account_and_nothing_of_others(server: httpx.Client, full: int, mira: Person) -> None:
    archive = exported(server, mira)
    assert list(texts(archive)) == ["notes/Baking/Baking a start.md"]
    _, head, text = texts(archive)["notes/Baking/Baking a start.md"].split("---\n", 2)
    told = yaml.safe_load(head)
    assert (told["title"], told["category"], told["description"], told["author"]) == (
        "Baking: a start", "Baking", "How, and flour", mira.username,
    )  # fmt: skip
    assert text == "\n# Baking\n\nflour, water"
    assert list(texts(archive, "recycle-bin/")) == ["recycle-bin/Old flour.md"]
    shown = server.get(f"notes/{full}/", headers=mira.headers).json()
    (note, thrown) = data(archive, "notes")
    assert {key: note[key] for key in note} == {key: shown[key] for key in note}
    assert (thrown["title"], "deleted_at" in thrown) == ("Old flour", True)
    titles = {name: [thing.get("title") for thing in data(archive, name)] for name in ("courses", "planner_events", "calendar_feeds")}
    assert titles == {"courses": ["Baking", "Inbox"], "planner_events": ["Buy flour"], "calendar_feeds": ["Fairs of flour"]}
    assert [session["note_id"] for session in data(archive, "note_sessions")] == [full]
    assert data(archive, "settings")["username"] == mira.username
    (attachment,) = data(archive, "attachments")
    path = attachment["url"].partition("/media/")[2]
    assert archive.read(f"media/{path}") == PNG
    cover = note["cover_image_url"].partition("/media/")[2]
    assert archive.read(f"media/{cover}") == PNG + b"cover"
    assert {name for name in archive.namelist() if name.startswith("media/")} == {f"media/{path}", f"media/{cover}"}
    assert "missing.txt" not in archive.namelist()
    assert not any(b"hops" in archive.read(name).lower() for name in archive.namelist())


def test_history_holds_every_change_in_order(server: httpx.Client, services: Services, full: int, mira: Person) -> None:
    events = history(exported(server, mira))
    of_note = [event for event in events if event["stream"] == f"note-{full}"]
    stored = services.log.recorder.select_events(f"note-{full}")
    assert [(event["version"], event["type"]) for event in of_note] == [(event.originator_version, event.topic) for event in stored]
    assert of_note[0]["data"]["content"] == "# Baking\n\nflour"
    kinds = {event["stream"].rstrip("-0123456789") for event in events}
    assert kinds == {"note", "course", "attachment", "planner-event", "calendar-feed", "note-session", "subscription"}
    assert "history.jsonl" not in exported(server, mira, "?history=false").namelist()


def test_no_secret_goes_along(server: httpx.Client, full: int, mira: Person) -> None:
    key = server.post("auth/rotate-api-key/", headers=mira.headers).json()["api_key"]
    address = server.post("calendar-addresses/", headers=mira.headers, json={"label": "phone"})
    assert address.is_success, address.text
    url = "https://mira:pa55word@example.org/basic.ics"
    feed = server.post("calendar-feeds/", headers=mira.headers, json={"title": "Secret", "is_enabled": False, "source_url": url})
    assert feed.is_success, feed.text
    moved = server.patch(f"calendar-feeds/{feed.json()['id']}/", headers=mira.headers, json={"source_url": f"{url}?again"})
    assert moved.is_success, moved.text
    archive = exported(server, mira)
    words = b"".join(archive.read(name) for name in archive.namelist() if not name.startswith("media/"))
    for secret in (
        mira.token,
        key,
        "pa55word",
        "0123456789abcdef0123456789abcdef",
        "token_digest",
        "key_digest",
        "password_hash",
        "network_digest",
    ):
        assert secret.encode() not in words


def test_many_notes_and_long_ones(server: httpx.Client, make_note: MakeNote, noah: Person) -> None:
    numbers = [make_note(noah, title="Again" if n % 2 else "AGAIN", content=f"text {n}") for n in range(55)]
    numbers.insert(10, make_note(noah, title="Long", content="long " * 1_000_000))
    numbers.append(make_note(noah, title="Last", content="last"))
    archive = exported(server, noah)
    assert [note["id"] for note in data(archive, "notes")] == sorted(numbers)
    names = [name.casefold() for name in texts(archive)]
    assert len(names) == len(set(names)) == 57
    assert sorted(text.rpartition("\n\n")[2] for text in texts(archive).values())[-3:] == ["text 7", "text 8", "text 9"]
    assert len(history(archive)) == 58


@pytest.mark.parametrize(
    ("title", "file"),
    [
        ("../../etc/passwd", "etc passwd"),
        ('a/b\\c:d*e?f"g<h>i|j', "a b c d e f g h i j"),
        ("...", "untitled"),
        ("日本語 — note", "日本語 — note"),
        ("\u4e00" * 300, "\u4e00" * 66),
        ("tab\tand\nline", "tab and line"),
        ("no", "no"),
        ("Con", "Con_"),
        ("com1.notes", "com1_.notes"),
        ("console", "console"),
        ("a\x7fb\x9fc", "a b c"),
        ("- [x] {odd}: 'title' # \"here\" \U0001f600", "- [x] {odd} 'title' # here \U0001f600"),
    ],
)
def test_odd_titles(server: httpx.Client, make_note: MakeNote, mira: Person, title: str, file: str) -> None:
    make_note(mira, title=title)
    (name,) = texts(archive := exported(server, mira))
    assert name == f"notes/Inbox/{file}.md"
    assert yaml.safe_load(archive.read(name).split(b"---\n")[1])["title"] == " ".join(title.split())


@pytest.mark.parametrize(("one", "other"), [("Caf\u00e9", "Cafe\u0301"), ("STRASSE", "stra\u00dfe"), ("\u1fb7", "\u03b1\u0342\u03b9")])
def test_titles_that_a_disk_takes_for_the_same_have_files_of_their_own(
    server: httpx.Client, make_note: MakeNote, mira: Person, one: str, other: str
) -> None:
    make_note(mira, title=one)
    make_note(mira, title=other)
    assert sorted(texts(exported(server, mira))) == sorted([f"notes/Inbox/{one}.md", f"notes/Inbox/{other} (2).md"])


def test_files_that_are_missing_are_told(server: httpx.Client, services: Services, full: int, mira: Person) -> None:
    (attachment,) = data(exported(server, mira), "attachments")
    path = attachment["url"].partition("/media/")[2]
    services.blobs.delete_now([path])
    archive = exported(server, mira)
    assert archive.read("missing.txt").decode() == f"media/{path}\n"
    assert f"media/{path}" not in archive.namelist()


def test_a_store_that_goes_away_ends_the_archive_visibly(
    server: httpx.Client, full: int, mira: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> AsyncIterator[bytes]:
        yield b"begun"
        raise BlobStoreUnavailable("away")

    monkeypatch.setattr(Blobs, "stream", fails)
    with pytest.raises(httpx.RemoteProtocolError):
        server.get("export/", headers=mira.headers)


def test_a_session_that_ends_meanwhile_ends_the_archive(
    server: httpx.Client, full: int, mira: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Blobs.find

    async def meanwhile(blobs: Blobs, path: str) -> Any:
        async with httpx.AsyncClient(base_url=server.base_url, headers=mira.headers) as other:
            assert (await other.post("auth/logout/")).is_success
        return await found(blobs, path)

    monkeypatch.setattr(Blobs, "find", meanwhile)
    with pytest.raises(httpx.RemoteProtocolError):
        server.get("export/", headers=mira.headers)
