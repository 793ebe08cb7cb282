"""A rebuild beside the running service: no request fails or waits, and the tables are those of a fresh replay."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import httpx
import psycopg

from settings import embedded_conninfo
from tests.faults.writing import Writers, person_in
from tests.running.server import COMMAND, ROOT, Running, command, environment, eventually

LONGEST_WAIT_S = 5.0
"""The machine may be busy with other tests; a swap that waited for the end of a rebuild would take longer."""


def _killed_midway(folder: Path) -> None:
    rebuilding = subprocess.Popen(
        [*COMMAND, "projections", "rebuild", "--all", "--throttle", "200"],
        cwd=ROOT,
        env=environment(NOTECHONDRIA_DATA_DIR=str(folder)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with psycopg.connect(embedded_conninfo(folder), autocommit=True) as connection:

        def begun() -> bool:
            return bool(connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'notes__next'").fetchall())

        eventually(begun)
    rebuilding.kill()
    rebuilding.wait()


def test_rebuilds_under_constant_writes_over_http(server_folder: Path) -> None:
    running = Running(server_folder, NOTECHONDRIA_RATE_LIMITS="off")
    person = person_in(server_folder)
    try:
        with Writers(running.address, person) as writers, httpx.Client(base_url=running.address, headers=person.headers) as reader:
            writers.go_on(200)
            _killed_midway(server_folder)
            listed = reader.get("/api/v1/notes/")
            assert listed.status_code == 200
            for _ in range(2):
                rebuilt = command("projections", "rebuild", "--all", "--json", NOTECHONDRIA_DATA_DIR=str(server_folder))
                assert rebuilt.returncode == 0, rebuilt.stderr
                assert json.loads(rebuilt.stdout)["events"] > 200
                writers.go_on(50)
                began = time.monotonic()
                newest = max(writers.acknowledged)
                assert reader.get(f"/api/v1/notes/{newest}/").status_code == 200
                assert time.monotonic() - began < LONGEST_WAIT_S
        assert (writers.failed, writers.refused) == ([], [])
        assert writers.slowest_s < LONGEST_WAIT_S
        verified = command("projections", "verify", "--all", NOTECHONDRIA_DATA_DIR=str(server_folder))
        assert verified.returncode == 0, verified.stdout + verified.stderr
    finally:
        running.end()
