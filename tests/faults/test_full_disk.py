"""A disk that is really full: writes are refused clearly, nothing acknowledged is lost, and room alone brings the service back."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from api.errors import DISK_FULL
from eventstore import embedded
from settings import embedded_conninfo
from tests.faults.writing import Writers, assert_nothing_lost, person_in
from tests.running.folders import fill_folder
from tests.running.server import Running, command, eventually

SIZE = "256m"


@pytest.fixture
def small_disk(served_folder: Path) -> Iterator[Path]:
    """A file system of its own, too small for long, with a data folder in it."""
    with _disk(SIZE) as place:
        (place / "data").mkdir()
        fill_folder(place / "data", served_folder)
        yield place


@contextmanager
def _disk(size: str) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="ntc-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode != 0:
        place.rmdir()
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        embedded.stop(place / "data")
        subprocess.run(["umount", "--lazy", place], check=True)
        place.rmdir()


def _fill(path: Path) -> None:
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))


def _age(folder: Path) -> None:
    """Leaves files of the write-ahead log for use again, as there are on a server that has run for a while."""
    with psycopg.connect(embedded_conninfo(folder), autocommit=True) as connection:
        for _ in range(4):
            connection.execute("SELECT pg_switch_wal(), pg_current_xact_id()")
        connection.execute("CHECKPOINT")


def _exhaust_the_write_ahead_log(folder: Path) -> None:
    """Uses up those files on a full disk: PostgreSQL ends, and cannot start before there is room."""
    with psycopg.connect(embedded_conninfo(folder), autocommit=True) as connection, suppress(psycopg.Error):
        for _ in range(100):
            connection.execute("SELECT pg_switch_wal(), pg_current_xact_id()")
    assert connection.closed


def _statuses(client: httpx.Client, note_id: int) -> dict[str, int]:
    """What a full disk has to leave: reads. And what it has to refuse: whatever needs room."""
    note = f"/api/v1/notes/{note_id}/"
    upload = {"file": ("a.bin", os.urandom(300_000), "application/octet-stream")}
    return {
        "read": client.get(note).status_code,
        "ping": client.get("/api/v1/ping/").status_code,
        "write": client.patch(note, json={"content": os.urandom(200_000).hex()}).status_code,
        "upload": client.post(f"{note}attachments/", files=upload).status_code,
    }


NONE_KEPT = httpx.Limits(max_keepalive_connections=0)
"""The connections to a worker that is killed are gone."""
FULL = {"read": 200, "ping": 200, "write": 503, "upload": 503}


def test_a_full_disk_is_told_and_survived(small_disk: Path) -> None:
    folder, filler = small_disk / "data", small_disk / "filler"
    # The files of the figures lie in TMPDIR: on the full disk too.
    running = Running(folder, NOTECHONDRIA_RATE_LIMITS="off", TMPDIR=str(small_disk))
    person = person_in(folder)
    try:
        with (
            Writers(running.address, person) as writers,
            httpx.Client(base_url=running.address, headers=person.headers, timeout=30, limits=NONE_KEPT) as client,
        ):
            writers.go_on()
            note_id = next(iter(writers.acknowledged))
            _age(folder)

            def fills_up() -> bool:
                _fill(filler)
                return _statuses(client, note_id) == FULL

            eventually(fills_up)
            workers = {child.pid for child in running.children("api")}
            for _ in range(3):
                _fill(filler)
                assert _statuses(client, note_id) == FULL
            refused = client.patch(
                f"/api/v1/notes/{note_id}/", json={"content": os.urandom(200_000).hex()}, headers={"X-Request-ID": "find-me"}
            )
            assert refused.json() == {"detail": DISK_FULL, "request_id": "find-me"}
            assert int(refused.headers["Retry-After"]) > 0
            assert {child.pid for child in running.children("api")} == workers

            # One that starts now finds no room for its figures, and serves all the same.
            running.children("api")[0].kill()
            eventually(lambda: len(running.children("api")) == 2 and {child.pid for child in running.children("api")} != workers)
            for _ in range(10):
                assert client.get("/api/v1/ping/").status_code == 200

            filler.unlink()
            writers.go_on()
            assert client.get("/metrics").status_code == 200

            _fill(filler)
            _exhaust_the_write_ahead_log(folder)
            assert client.patch(f"/api/v1/notes/{note_id}/", json={"content": "while it is away"}).status_code == 503
            assert client.get("/api/v1/ping/").status_code == 200
            filler.unlink()
            writers.go_on()
        assert running.process.poll() is None
        assert_nothing_lost(folder, writers)
    finally:
        running.end()


def test_first_start_on_a_disk_that_is_too_small_tells_why() -> None:
    with _disk("8m") as place:
        refused = command("serve", "--port", "0", NOTECHONDRIA_DATA_DIR=str(place / "data"))
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False), refused.stderr
    [line] = [line for line in refused.stderr.splitlines() if "start_failed" in line]
    assert "initdb of the embedded PostgreSQL ended with code 1: could not write to file" in line
    assert "No space left on device" in line
