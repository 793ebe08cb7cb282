"""The drill: a server under load is backed up, the backup becomes another server, and both say the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
import pytest

from api.app import Door, area_routes
from eventstore.archive import ArchiveDamaged
from eventstore.blob_archive import blob_folder, check_blobs
from eventstore.blobs import Blobs
from projections.catalog import ALL_PROJECTIONS
from projections.verify import verify
from reactors.files import owns_store
from settings import Settings, load_settings
from tests.accounts.people import Person, make_person
from tests.door.serving import serving
from wiring import build_services, prepare

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from cli.main import app; app()"]


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ntc-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def other_database(postgres_url: str) -> Iterator[str]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE restored TEMPLATE template0")
        yield postgres_url.replace("/postgres?", "/restored?")
        connection.execute("DROP DATABASE restored WITH (FORCE)")


def _run(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DATABASE_URL": settings.conninfo(), "NOTECHONDRIA_DATA_DIR": str(settings.data_dir)}
    return subprocess.run([*COMMAND, *words, "--json"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def _notechondria(settings: Settings, *words: str) -> dict[str, Any]:
    ran = _run(settings, *words)
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


class Writing:
    """People who write and upload until they are told to stop; what was answered with success is noted."""

    def __init__(self, client: httpx.Client, people: list[Person]) -> None:
        self._client = client
        self._stop = threading.Event()
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._write, args=(person,)) for person in people]

    def _write(self, person: Person) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            body = {"title": f"Event {number}", "event_date": "2031-05-06"}
            made = self._client.post("/api/v1/planner-events/", json=body, headers=person.headers)
            picture = {"file": (f"page{number}.txt", f"{person.username} {number}".encode() * 50)}
            note = self._client.post("/api/v1/notes/", json={"title": f"Note {number}", "content": "text"}, headers=person.headers)
            sent = self._client.post(f"/api/v1/notes/{note.json()['id']}/attachments/", files=picture, headers=person.headers)
            self.failures += [answer.text for answer in (made, note, sent) if answer.status_code != 201]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def _store_id(settings: Settings) -> str | None:
    with psycopg.connect(settings.conninfo()) as connection:
        row = connection.execute("SELECT value FROM log.facts WHERE name = 'file_store'").fetchone()
    return row[0] if row else None


def _what_people_see(client: httpx.Client, people: list[Person]) -> list[Any]:
    paths = ("/api/v1/planner-events/", "/api/v1/courses/", "/api/v1/notes/", "/api/v1/settings/")
    return [client.get(path, headers=person.headers).json() for person in people for path in paths]


def test_backup_under_load_becomes_the_same_server_elsewhere(folder: Path, database_url: str, other_database: str) -> None:
    here = load_settings(database_url=database_url, data_dir=folder / "here", media_url="https://media.example.org")
    there = load_settings(database_url=other_database, data_dir=folder / "there", media_url="https://media.example.org")
    backup = folder / "backups" / "log.jsonl.gz"
    prepare(here)
    services = build_services(here)
    with serving(Door(services, area_routes())) as client:
        people = [make_person(services) for _ in range(3)]
        with Writing(client, people) as writing:
            while client.get("/api/v1/ready/").json()["head"] < 30:
                assert not writing.failures, writing.failures[:3]
            under_load = _notechondria(here, "archive", "export", str(backup))
        assert not writing.failures, writing.failures[:3]
        assert client.get("/api/v1/ready/").json()["head"] > under_load["head"]
        assert under_load["files"] > 0
        assert owns_store(services)
        # The one that is restored is taken when nobody writes, so that all can be compared.
        done = _notechondria(here, "archive", "export", str(backup))
        assert done["files"] >= under_load["files"]
        seen_here = _what_people_see(client, people)
    restored = _notechondria(there, "archive", "import", str(backup))
    assert (restored["events"], restored["sha256"], restored["files"]) == (done["events"], done["sha256"], done["files"])
    prepare(there)
    assert not verify(there.conninfo(), ALL_PROJECTIONS).different
    with serving(Door(build_services(there), area_routes())) as client:
        assert _what_people_see(client, people) == seen_here
        paths = check_blobs(blob_folder(backup))
        assert [place.stat().st_mode & 0o077 for place in (backup, blob_folder(backup))] == [0, 0]
        for path in paths[:3]:
            assert client.get(f"/media/{path}").content == (blob_folder(backup) / path).read_bytes()
        made = client.post("/api/v1/planner-events/", json={"title": "Goes on", "event_date": "2031-05-07"}, headers=people[0].headers)
        assert made.status_code == 201
        assert made.json()["id"] > max(event["id"] for event in seen_here[0])
    # Log and store are bound to each other there as well, by what the archive brought.
    assert Blobs.at(there.data_dir / "media").owner_now() == _store_id(there) == _store_id(here) is not None
    shutil.rmtree(there.data_dir / "media")
    again = _run(there, "archive", "import", str(backup))
    assert (again.returncode, "The log holds events already" in again.stderr) == (1, True)
    assert not (there.data_dir / "media").exists()


def test_export_under_load_alone_is_a_whole_server(folder: Path, database_url: str, other_database: str) -> None:
    here = load_settings(database_url=database_url, data_dir=folder / "here")
    there = load_settings(database_url=other_database, data_dir=folder / "there")
    prepare(here)
    services = build_services(here)
    with serving(Door(services, area_routes())) as client:
        people = [make_person(services) for _ in range(2)]
        with Writing(client, people) as writing:
            while client.get("/api/v1/ready/").json()["head"] < 30:
                assert not writing.failures, writing.failures[:3]
            done = _notechondria(here, "archive", "export", str(folder / "log.jsonl"))
    _notechondria(there, "archive", "import", str(folder / "log.jsonl"))
    prepare(there)
    assert not verify(there.conninfo(), ALL_PROJECTIONS).different
    with serving(Door(build_services(there), area_routes())) as client:
        told = client.get("/api/v1/ready/").json()
        assert told["head"] == done["head"]
        for person in people:
            for note in client.get("/api/v1/notes/", headers=person.headers).json()[:5]:
                attachments = client.get(f"/api/v1/notes/{note['id']}/attachments/", headers=person.headers).json()
                for attachment in attachments:
                    assert client.get(attachment["url"]).status_code == 200


@pytest.mark.parametrize("damage", ["changed", "missing", "cut"])
def test_damaged_files_are_found_before_anything_is_imported(folder: Path, damage: str) -> None:
    from eventstore.blob_archive import export_blobs

    blobs = Blobs.at(folder / "media")
    blobs.put_now("user_upload/user_1/abc/a.txt", b"text")
    export_blobs(blobs, folder / "copy")
    assert check_blobs(folder / "copy") == ["user_upload/user_1/abc/a.txt"]
    file = folder / "copy" / "user_upload/user_1/abc/a.txt"
    if damage == "changed":
        file.write_bytes(b"test")
    elif damage == "missing":
        file.unlink()
    else:
        manifest = folder / "copy" / "manifest.jsonl"
        manifest.write_bytes(manifest.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(ArchiveDamaged):
        check_blobs(folder / "copy")


def test_a_repeated_copy_of_the_files_holds_none_that_was_deleted_for_good(folder: Path) -> None:
    from eventstore.blob_archive import export_blobs

    blobs = Blobs.at(folder / "media")
    for name in ("a", "b"):
        blobs.put_now(f"user_upload/user_1/abc/{name}.txt", b"text")
    export_blobs(blobs, folder / "copy")
    blobs.delete_now(["user_upload/user_1/abc/a.txt"])
    export_blobs(blobs, folder / "copy")
    assert check_blobs(folder / "copy") == ["user_upload/user_1/abc/b.txt"]
    assert [place.name for place in (folder / "copy" / "user_upload").rglob("*.txt")] == ["b.txt"]


def test_a_copy_that_has_changed_since_is_made_anew(folder: Path) -> None:
    from eventstore.blob_archive import export_blobs
    from eventstore.blobs import Blobs

    blobs = Blobs.at(folder / "media")
    blobs.put_now("user_upload/user_1/abc/a.txt", b"text")
    export_blobs(blobs, folder / "copy")
    copy = folder / "copy" / "user_upload/user_1/abc/a.txt"
    copy.write_bytes(b"tExt")
    export_blobs(blobs, folder / "copy")
    assert copy.read_bytes() == b"text"
    assert check_blobs(folder / "copy") == ["user_upload/user_1/abc/a.txt"]


def test_a_copy_of_the_files_leaves_alone_what_no_export_has_put_there(folder: Path) -> None:
    from eventstore.blob_archive import export_blobs

    blobs = Blobs.at(folder / "media")
    blobs.put_now("user_upload/user_1/abc/a.txt", b"text")
    foreign = [folder / "copy" / name for name in ("thesis.txt", "user_upload/user_1/abc/mine.txt")]
    for place in foreign:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"precious")
    export_blobs(blobs, folder / "copy")
    blobs.delete_now(["user_upload/user_1/abc/a.txt"])
    export_blobs(blobs, folder / "copy")
    assert not (folder / "copy" / "user_upload/user_1/abc/a.txt").exists()
    assert [place.read_bytes() for place in foreign] == [b"precious"] * 2


def test_what_a_stopped_copy_left_is_removed_by_the_next_once_it_is_deleted_for_good(folder: Path) -> None:
    from eventstore.blob_archive import export_blobs

    def stopped(*_: int) -> None:
        raise KeyboardInterrupt

    blobs = Blobs.at(folder / "media")
    blobs.put_now("user_upload/user_1/abc/a.txt", b"text")
    with pytest.raises(KeyboardInterrupt):
        export_blobs(blobs, folder / "copy", stopped)
    part = folder / "copy" / "user_upload/user_1/abc/.a.txt.part"
    part.write_bytes(b"te")
    blobs.delete_now(["user_upload/user_1/abc/a.txt"])
    export_blobs(blobs, folder / "copy")
    assert [place.name for place in (folder / "copy").rglob("*") if place.is_file()] == ["manifest.jsonl"]
