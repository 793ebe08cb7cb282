"""The embedded PostgreSQL: started once, shared, and brought back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from eventstore import embedded, programs
from tests.running.folders import database_answers, new_folder
from tests.running.server import command

OTHER_PROCESS = """
import sys, pathlib, psycopg
from eventstore import embedded
folder = pathlib.Path(sys.argv[1])
url = embedded.ensure_running(folder)
with psycopg.connect(url) as connection:
    print(connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()[0], flush=True)
if len(sys.argv) > 2:
    sys.stdin.read()
print(embedded.release(folder))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as made:
        yield made


def _started(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()
    assert row is not None
    return str(row[0])


def _other(folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(folder), *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def test_database_is_utf8_and_sorts_alike_everywhere(folder: Path) -> None:
    with psycopg.connect(embedded.ensure_running(folder)) as connection:
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale, current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('jit') FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert row == ("UTF8", "b", "C.UTF-8", "on", "on", "off")


def test_another_process_uses_the_running_server_and_leaves_it_running(server_folder: Path) -> None:
    started = _started(embedded.ensure_running(server_folder))
    output, _ = _other(server_folder).communicate(timeout=60)
    assert output.splitlines() == [started, "False"]
    assert _started(embedded.ensure_running(server_folder)) == started


def test_last_user_stops_the_server(server_folder: Path) -> None:
    embedded.ensure_running(server_folder)
    other = _other(server_folder, "wait")
    assert other.stdout is not None
    other.stdout.readline()
    assert not embedded.release(server_folder)
    assert database_answers(server_folder)
    output, _ = other.communicate("", timeout=60)
    assert output.strip() == "True"
    assert not database_answers(server_folder)


def test_simultaneous_starts_share_one_server(folder: Path) -> None:
    others = [_other(folder, "wait") for _ in range(4)]
    started = set()
    for other in others:
        assert other.stdout is not None
        started.add(other.stdout.readline().strip())
    for other in others:
        other.communicate("", timeout=60)
    assert len(started) == 1
    assert "" not in started


def test_killed_server_comes_back_with_everything_committed(server_folder: Path) -> None:
    url = embedded.ensure_running(server_folder)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
    os.kill(_postmaster(server_folder), signal.SIGKILL)
    url = embedded.ensure_running(server_folder)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (1,)


def test_pid_of_a_dead_server_that_another_program_got_does_not_stop_the_start(server_folder: Path) -> None:
    embedded.ensure_running(server_folder)
    pid_file = server_folder / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    embedded.stop(server_folder)
    owner = pid_file.parent.stat().st_uid
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", user=owner if os.geteuid() == 0 else None)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        os.chown(pid_file, owner, -1)
        pid_file.chmod(0o600)
        assert _started(embedded.ensure_running(server_folder))
    finally:
        stranger.kill()
        stranger.wait()


def test_interrupted_creation_starts_anew(folder: Path) -> None:
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "half").write_text("half")
    assert _started(embedded.ensure_running(folder))


def test_server_keeps_its_memory_from_answer_to_answer(folder: Path) -> None:
    with psycopg.connect(embedded.ensure_running(folder)) as connection:
        # The processes of connections write their titles over what they were started with.
        server = psutil.Process(connection.info.backend_pid).parent()
        assert server is not None
        environment = server.environ()
    assert environment.items() >= programs.MEMORY.items()


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="the system knows no such policies")
def test_server_lets_callers_finish_what_they_are_at(folder: Path) -> None:
    with psycopg.connect(embedded.ensure_running(folder)) as connection:
        assert os.sched_getscheduler(connection.info.backend_pid) == os.SCHED_BATCH


def test_data_folder_stays_closed_to_others(folder: Path) -> None:
    made = folder / "inner" / "data"
    try:
        embedded.ensure_running(made)
        assert made.stat().st_mode & 0o007 == 0
        assert made.stat().st_mode & 0o060 == 0
        assert (made / "postgres").stat().st_mode & 0o077 == 0
    finally:
        embedded.stop(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to let another account through")
def test_closed_parent_folders_may_be_passed_but_not_listed(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    made = home / "data"
    try:
        embedded.ensure_running(made)
        assert home.stat().st_mode & 0o777 == 0o701
    finally:
        embedded.stop(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server under another account")
def test_data_of_another_user_is_refused_and_left_closed(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(embedded.EmbeddedDatabaseError, match=r"belongs to the user 0.*chown -R pgserver"):
        embedded.ensure_running(folder)
    assert (folder.stat().st_gid, folder.stat().st_mode & 0o777) == (0, 0o700)


def test_data_of_another_postgresql_is_refused_and_kept(folder: Path) -> None:
    (folder / "postgres").mkdir()
    version = folder / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(embedded.EmbeddedDatabaseError, match="17"):
        embedded.ensure_running(folder)
    assert version.read_text() == "17\n"


def test_a_folder_that_cannot_be_locked_is_told_at_the_start_and_at_the_end(server_folder: Path) -> None:
    # As on a file system that is read-only, which nobody but root could make.
    lock = server_folder / "postgres.lock"
    embedded.ensure_running(server_folder)
    lock.unlink()
    lock.mkdir()
    with pytest.raises(embedded.EmbeddedDatabaseError, match="cannot be used: Is a directory"):
        embedded.release(server_folder)
    lock.rmdir()
    assert embedded.release(server_folder)
    lock.unlink()
    lock.mkdir()
    served = command("serve", "--port", "0", NOTECHONDRIA_DATA_DIR=str(server_folder))
    lock.rmdir()
    assert (served.returncode, "Traceback" in served.stderr, "not_stopped" in served.stderr) == (1, False, False), served.stderr
    assert served.stderr.count("cannot be used: Is a directory") == 1


def test_database_that_cannot_be_made_is_told(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "EMBEDDED_DATABASE", "two words")
    with pytest.raises(embedded.EmbeddedDatabaseError, match="cannot make its database: syntax error"):
        embedded.ensure_running(server_folder)


def test_long_path_still_gets_a_socket(folder: Path) -> None:
    made = folder / ("long" * 30)
    try:
        assert _started(embedded.ensure_running(made))
    finally:
        embedded.stop(made)


def test_idle_folder_needs_no_stop(folder: Path) -> None:
    embedded.stop(folder / "missing")
    assert not embedded.release(folder / "missing")
    assert not database_answers(folder / "missing")
