"""Commands that are told to stop say so, and leave nothing running."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from eventstore import embedded
from settings import embedded_conninfo
from tests.running.folders import database_answers
from tests.running.server import PATIENCE, ROOT, environment, eventually

PROGRAM = """
import signal
# Not ignored, whatever runs the tests.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from cli.main import app
app()
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'log.events'::regclass"
REBUILDING = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'notechondria-rebuild%'"
TAILING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'notechondria-tail'"
TRAPPED = """
trap 'echo told to end; exit 7' TERM
trap 'echo hung up; exit 8' HUP
echo ready
while :; do sleep 0.02; done
"""
DYING = "echo ready; exec sleep 60"


@contextmanager
def _running(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    chosen = environment(NOTECHONDRIA_DATA_DIR=str(folder))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], cwd=ROOT, env=chosen, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _is_at_work(folder: Path, question: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(embedded_conninfo(folder), connect_timeout=5) as connection:
        return connection.execute(question.encode()).fetchone() != (0,)
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_stops_a_rebuild_and_the_database(server_folder: Path, number: signal.Signals) -> None:
    with _running(server_folder, "projections", "rebuild", "--all", "--throttle", "1") as process:
        eventually(lambda: _is_at_work(server_folder, REBUILDING))
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (128 + number, "Stopped; nothing was changed.\n")
    assert not database_answers(server_folder)


def test_signal_stops_a_command_that_follows_the_log(server_folder: Path) -> None:
    with _running(server_folder, "events", "tail", "--follow") as process:
        eventually(lambda: _is_at_work(server_folder, TAILING))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_what_waits_and_the_database(server_folder: Path, number: signal.Signals) -> None:
    embedded.ensure_running(server_folder)
    with closing(psycopg.connect(embedded_conninfo(server_folder))) as holding:
        holding.execute("LOCK TABLE log.events")
        with _running(server_folder, "archive", "export", str(server_folder / "log.jsonl")) as process:
            eventually(lambda: _is_at_work(server_folder, WAITING))
            # The command is the last user now.
            assert not embedded.release(server_folder)
            # A terminal that is closed may send it twice.
            process.send_signal(number)
            process.send_signal(number)
            _, said = process.communicate(timeout=PATIENCE)
        assert (process.returncode, said) == (128 + number, "Stopped; nothing was changed.\n")
        assert not database_answers(server_folder)


@pytest.mark.parametrize(
    ("script", "number", "said", "status"),
    [
        (TRAPPED, signal.SIGTERM, "told to end\n", 7),
        (TRAPPED, signal.SIGHUP, "hung up\n", 8),
        (DYING, signal.SIGTERM, "", 143),
        (DYING, signal.SIGINT, "", 130),
    ],
)
def test_signal_to_start_reaches_its_command_which_ends_by_itself(
    server_folder: Path, script: str, number: signal.Signals, said: str, status: int
) -> None:
    with _running(server_folder, "start", "--", "sh", "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        rest, _ = process.communicate(timeout=PATIENCE)
    assert (rest, process.returncode) == (said, status)
    assert not database_answers(server_folder)
