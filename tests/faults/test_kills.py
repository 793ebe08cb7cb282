"""kill -9 of the server and of PostgreSQL under load: every acknowledged write is there, and nothing has to be repaired."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.faults.writing import Writers, assert_nothing_lost, person_in
from tests.running.server import Running, eventually

Fault = Callable[[Running], None]


def _everything(running: Running) -> None:
    """The server with all its processes, and its PostgreSQL, at one moment."""
    processes = [psutil.Process(running.process.pid), *running.children(), *_postgres(running.folder)]
    _kill(processes)
    running.process.wait()


def _database(running: Running) -> None:
    """PostgreSQL alone; the server stays."""
    _kill(_postgres(running.folder))


def _workers(running: Running) -> None:
    """All API workers; the supervisor stays."""
    _kill(running.children("api"))


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        # PostgreSQL's own helpers come and go.
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _postgres(folder: Path) -> list[psutil.Process]:
    pid = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    postmaster = psutil.Process(pid)
    return [postmaster, *postmaster.children(recursive=True)]


@pytest.mark.parametrize("fault", [_everything, _database, _workers], ids=lambda fault: fault.__name__.strip("_"))
def test_nothing_acknowledged_is_lost(server_folder: Path, fault: Fault) -> None:
    running = Running(server_folder, NOTECHONDRIA_RATE_LIMITS="off")
    person = person_in(server_folder)
    try:
        with Writers(running.address, person) as writers:
            for _ in range(2):
                writers.go_on()
                time.sleep(random.random() * 0.2)
                fault(running)
                if running.process.poll() is not None:
                    break
            else:
                writers.go_on()
        if running.process.poll() is not None:
            running.end()
            running = Running(server_folder)
            eventually(running.answers)
        assert_nothing_lost(server_folder, writers)
    finally:
        running.end()
