"""A server that is stopped, or loses a process, while its database is prepared."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

from tests.running.server import COMMAND, PATIENCE, ROOT, environment, eventually
from wiring import START_LOCK


@contextlib.contextmanager
def _start_that_waits(folder: Path, database_url: str) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """A server, and the process that prepares its database, which waits for another start to do so."""
    with psycopg.connect(database_url) as other, (folder / "log").open("wb") as log:
        other.execute("SELECT pg_advisory_lock(%s)", (START_LOCK,))
        chosen = environment(NOTECHONDRIA_DATA_DIR=str(folder), DATABASE_URL=database_url)
        with subprocess.Popen([*COMMAND, "serve", "--port", "0"], cwd=ROOT, env=chosen, stderr=log) as process:
            eventually(lambda: b"waiting for another start" in (folder / "log").read_bytes())
            [preparing] = psutil.Process(process.pid).children()
            try:
                yield process, preparing
            finally:
                process.kill()


def test_killed_supervisor_ends_the_preparation_too(tmp_path: Path, database_url: str) -> None:
    with _start_that_waits(tmp_path, database_url) as (process, preparing):
        process.kill()
        _, alive = psutil.wait_procs([preparing], timeout=PATIENCE / 4)
        assert not alive


def test_preparation_that_somebody_ends_is_not_taken_for_done(tmp_path: Path, database_url: str) -> None:
    with _start_that_waits(tmp_path, database_url) as (process, preparing):
        preparing.terminate()
        assert process.wait(PATIENCE) == 1
    assert b"could not be prepared" in (tmp_path / "log").read_bytes()


def test_sigterm_while_the_database_is_prepared_ends_the_server_in_good_order(tmp_path: Path, database_url: str) -> None:
    with _start_that_waits(tmp_path, database_url) as (process, _):
        process.terminate()
        assert process.wait(PATIENCE) == 0
