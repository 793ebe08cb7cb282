"""`notechondria projections`, as an operator and a script use it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.replay.probes import registered, started
from tests.replay.store import Store

Result = subprocess.CompletedProcess[str]
Command = Callable[..., Result]
PROGRAM = [sys.executable, "-c", "from cli.main import app; app()", "projections"]


@pytest.fixture
def command(store: Store, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("DATABASE_URL", store.conninfo)
    store.append("account-1", registered("mira"))
    store.append("session-1", started())

    def run(*arguments: str) -> Result:
        return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=False)

    return run


def test_list_tells_positions_and_waiting_streams(command: Command, store: Store) -> None:
    store.rows("INSERT INTO log.parked_streams (projection, stream, position, error) VALUES ('uses', 'session-1', 1, 'because')")
    found = json.loads(command("list", "--json").stdout)
    uses = next(f for f in found["followers"] if f["name"] == "uses")
    assert (found["head"], uses["lag"], uses["waiting"][0]["stream"]) == (2, 2, "session-1")
    table = command("list").stdout
    assert "session-1 waits from position 1: because" in table


def test_retry_frees_a_stream_that_no_longer_fails(command: Command, store: Store) -> None:
    store.rows("UPDATE log.projections SET position = 2 WHERE name = 'search'")
    store.rows("INSERT INTO log.parked_streams (projection, stream, position, error) VALUES ('search', 'session-1', 1, 'because')")
    result = command("retry", "search")
    assert (result.returncode, result.stdout) == (0, "1 streams go on, 0 still wait.\n"), result.stderr
    assert store.rows("SELECT * FROM log.parked_streams") == []


def test_rebuild_one_and_all(command: Command, store: Store) -> None:
    before = store.value("SELECT 'sessions.sessions'::regclass::oid")
    result = command("rebuild", "sessions")
    assert result.returncode == 0
    assert result.stdout.startswith("Rebuilt sessions: 2 events")
    assert store.value("SELECT 'sessions.sessions'::regclass::oid") != before
    assert "accounts" in json.loads(command("rebuild", "--all", "--json").stdout)["projections"]


LATE_CTRL_C = """
import atexit, os, signal
from cli.main import app

atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
app()
"""


def test_ctrl_c_after_a_rebuild_does_not_make_a_failure_of_it(command: Command) -> None:
    assert command("rebuild", "sessions").returncode == 0
    words = [sys.executable, "-c", LATE_CTRL_C, "projections", "rebuild", "sessions"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:16], done.stderr) == (0, "Rebuilt sessions", "")


def test_retry_frees_a_stream_whose_event_can_be_applied_now(command: Command, store: Store) -> None:
    assert command("rebuild", "search").returncode == 0
    store.rows("INSERT INTO log.parked_streams (projection, stream, position, error) VALUES ('search', 'account-1', 1, 'because')")
    result = command("retry", "search", "--json")
    assert (result.returncode, json.loads(result.stdout)) == (0, {"freed": ["account-1"], "waiting": []}), result.stderr


@pytest.mark.falsifies
def test_verify_exits_with_one_when_a_row_differs(command: Command, store: Store) -> None:
    assert command("verify", "--all").returncode == 0
    store.rows("UPDATE sessions.sessions SET device_label = 'forged'")
    result = command("verify", "sessions")
    assert result.returncode == 1
    assert "changed: sessions.sessions id=1" in result.stdout
    assert "device_label: 'forged' is live, 'Linux' was expected" in result.stdout
    assert "session-1@1 SessionStarted at position 2" in result.stdout
    found = command("verify", "sessions", "--json")
    assert found.returncode == 1
    assert json.loads(found.stdout)["different"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("rebuild",),
        ("rebuild", "notes", "--all"),
        ("rebuild", "nonsense"),
        ("verify", "nonsense"),
        ("retry", "nonsense"),
        ("retry", "mail"),
    ],
)
def test_wrong_names_are_refused(command: Command, arguments: tuple[str, ...]) -> None:
    assert command(*arguments).returncode == 2


def test_database_that_is_away_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    result = subprocess.run([*PROGRAM, "list"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "The database cannot be used" in result.stderr
