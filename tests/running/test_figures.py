"""The figures of several processes: their room is there before it is needed, and given back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from cli import figures
from cli.supervisor import StartFailed, Supervisor
from settings import load_settings
from tests.faults.writing import person_in
from tests.running.server import Running, eventually

COUNTING = """
import os, sys
from cli import figures
from metrics import EVENTS, POOL
from pathlib import Path
# The code is there already when a process is forked.
if os.fork():
    sys.exit(os.wait()[1])
figures.share(Path(sys.argv[1]))
EVENTS.labels("web").inc(3)
POOL.labels("reads", "free").set(1)
print(os.getpid(), flush=True)
os._exit(0)
"""


def _counted(folder: Path) -> bytes:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _taken(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.iterdir())


def test_room_is_taken_at_once_and_what_was_counted_stays(tmp_path: Path) -> None:
    figures.reserve(tmp_path)
    assert _taken(tmp_path) >= sum(figures.ROOM.values())
    figures.settle(tmp_path, os.getpid())
    assert _taken(tmp_path) <= 2 * 4096
    for _ in range(2):
        counting = subprocess.run([sys.executable, "-c", COUNTING, str(tmp_path)], capture_output=True, text=True, check=True)
        figures.settle(tmp_path, int(counting.stdout))
    assert b'notechondria_events_total{channel="web"} 6.0' in _counted(tmp_path)
    assert b"notechondria_pool_connections{" not in _counted(tmp_path)


def test_what_was_counted_stays_when_its_number_is_given_to_another_process(tmp_path: Path) -> None:
    files = [tmp_path / f"{kind}_{os.getpid()}.db" for kind in figures.ROOM]
    files[0].write_bytes(b"counted before")
    figures.reserve(tmp_path)
    assert files[0].read_bytes().startswith(b"counted before")
    assert [file.stat().st_size for file in files] == list(figures.ROOM.values())


def test_no_room_leaves_what_was_counted(tmp_path: Path) -> None:
    counted, _, gauges = (tmp_path / f"{kind}_{os.getpid()}.db" for kind in figures.ROOM)
    counted.write_bytes(b"counted before")
    gauges.symlink_to(tmp_path / "missing" / "file")
    with pytest.raises(FileNotFoundError):
        figures.reserve(tmp_path)
    assert list(tmp_path.iterdir()) == [counted]
    assert counted.read_bytes() == b"counted before"


def test_folders_of_killed_servers_are_removed_and_those_of_running_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    holding = "from cli.figures import Folder; import os, sys; print(Folder().path, flush=True); sys.stdin.read(); os._exit(1)"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    running, killed = (
        subprocess.Popen([sys.executable, "-c", holding], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    with running, killed:
        paths = [Path(str(process.stdout and process.stdout.readline().strip())) for process in (running, killed)]
        killed.kill()
        killed.wait()
        assert all(path.is_dir() for path in paths)
        folder = figures.Folder()
        assert sorted(tmp_path.iterdir()) == sorted([paths[0], folder.path])
        folder.remove()
        assert list(tmp_path.iterdir()) == [paths[0]]


def test_no_room_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The last one cannot be made: the first two were.
    (tmp_path / f"gauge_livesum_{os.getpid()}.db").symlink_to(tmp_path / "missing" / "file")
    with pytest.raises(FileNotFoundError):
        figures.share(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_the_folder_requests_are_answered_and_logged_and_what_nobody_counts_is_still_told(server_folder: Path) -> None:
    running = Running(server_folder, TMPDIR=str(server_folder), NOTECHONDRIA_RATE_LIMITS="off")
    log = server_folder / "stderr.log"
    try:
        [folder] = server_folder.glob(f"{figures.PREFIX}*")
        shutil.rmtree(folder)
        person = person_in(server_folder)
        # Each on a connection of its own, so that both processes are asked.
        answers = [httpx.post(f"{running.address}/api/v1/notes/", headers=person.headers, json={"title": str(n)}) for n in range(6)]
        assert [answer.status_code for answer in answers] == [201] * 6
        eventually(lambda: log.read_text().count("POST    /api/v1/notes/") == 6)
        told = httpx.get(f"{running.address}/metrics")
        assert (told.status_code, "notechondria_log_head" in told.text, "notechondria_requests" in told.text) == (200, True, False)
        assert f"figures cannot be added up: {folder} is gone" in log.read_text()
        running.children("api")[0].kill()
        eventually(lambda: "figures_not_shared" in log.read_text())
        [line] = [line for line in log.read_text().splitlines() if "figures_not_shared" in line]
        assert "No such file or directory" in line
        eventually(lambda: len(running.children("api")) == 2 and running.answers())
        assert httpx.get(f"{running.address}/metrics").status_code == 200
    finally:
        running.end()


def test_a_machine_without_a_temporary_folder_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with pytest.raises(StartFailed, match="no temporary folder can be made"):
        Supervisor(load_settings(port=0, data_dir=tmp_path), lambda _port: None)
