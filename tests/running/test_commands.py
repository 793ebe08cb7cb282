"""Every command of the operator teaches itself, speaks JSON where a script may ask, and fails with a status and one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from cli.main import app
from commands.context import utc_now
from tests.accounts.people import PASSWORD

ACCOUNT = ("--username", "mira", "--email", "mira@example.org", "--password", PASSWORD)

WALK: list[tuple[str, ...]] = [
    ("version",),
    ("migrate",),
    ("migrate", "--check"),
    ("bootstrap",),
    ("doctor",),
    ("users", "create", *ACCOUNT),
    ("users", "list"),
    ("users", "promote", "mira", "--superuser"),
    ("users", "disable", "mira", "--reason", "left"),
    ("users", "enable", "mira"),
    ("invitations", "create", "--label", "spring"),
    ("invitations", "create", "--expires-at", "{today}"),
    ("invitations", "create", "--expires-at", "2031-05-06T12:00:00+02:00"),
    ("invitations", "list"),
    ("sessions", "list"),
    ("sessions", "list", "--user", "mira"),
    ("sessions", "revoke", "--user", "mira"),
    ("events", "tail"),
    ("events", "tail", "--after", "1", "--limit", "2"),
    ("events", "show", "1"),
    ("events", "verify"),
    ("streams", "show", "{stream}"),
    ("streams", "show", "{stream}", "--at", "1"),
    ("streams", "forget", "{forgotten}", "--reason", "asked for", "--yes"),
    ("projections", "list"),
    ("projections", "rebuild", "--all"),
    ("projections", "rebuild", "notes"),
    ("projections", "verify", "--all"),
    ("projections", "verify", "notes"),
    ("projections", "retry", "search"),
    ("projections", "retry", "erasure"),
    ("archive", "export", "{folder}/log.jsonl.gz"),
]
"""In this order, on one database; each succeeds, with --json and without."""

REFUSED: list[tuple[int, str, tuple[str, ...]]] = [
    (1, "taken", ("users", "create", *ACCOUNT)),
    (1, "password: ", ("users", "create", "--username", "olga", "--email", "o@example.org", "--password", "weak")),
    (1, "No account", ("users", "promote", "nobody")),
    (1, "No account", ("users", "disable", "nobody")),
    (1, "No account", ("users", "enable", "nobody")),
    (1, "No account", ("sessions", "list", "--user", "nobody")),
    (1, "No account", ("sessions", "revoke", "--user", "nobody")),
    (1, "Session not found", ("sessions", "revoke", "--user", "mira", "--session", "999")),
    (1, "64 hexadecimal", ("invitations", "create", "--code", "a" * 64)),
    (2, "--max-uses", ("invitations", "create", "--max-uses", "0")),
    (2, "--expires-at", ("invitations", "create", "--expires-at", "soon")),
    (1, "expires_at: This time is over already", ("invitations", "create", "--expires-at", "2020-01-01")),
    (1, "no event at position 9999999", ("events", "show", "9999999")),
    (2, "position", ("events", "show", "first")),
    (2, "position", ("events", "show", "9" * 22)),
    (2, "--limit", ("events", "tail", "--limit", "9" * 22)),
    (2, "--after", ("events", "tail", "--after", "9" * 22)),
    (2, "--session", ("sessions", "revoke", "--user", "mira", "--session", "9" * 22)),
    (1, "no stream", ("streams", "show", "note-999999")),
    (1, "neither a version nor a time", ("streams", "show", "note-1", "--at", "yesterday")),
    (2, "--reason", ("streams", "forget", "note-1")),
    (1, "nothing that could be forgotten", ("streams", "forget", "note-999999", "--reason", "x", "--yes")),
    (2, "Name one projection", ("projections", "rebuild")),
    (2, "no projection called nonsense", ("projections", "verify", "nonsense")),
    (2, "called nonsense", ("projections", "retry", "nonsense")),
    (1, "cannot be read", ("archive", "import", "/nowhere/log.jsonl")),
    (1, "cannot be written", ("archive", "export", "/proc/nowhere/log.jsonl")),
    (1, "PASSWORD is not set", ("bootstrap", "--reset-password")),
    (2, "No such command", ("nonsense",)),
    (2, "No such option", ("users", "list", "--nonsense")),
]
"""Status, what the sentence holds, and the words; on the database that the walk has left."""


def _commands(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if hasattr(found, "list_commands"):
        for name in found.list_commands(None):
            yield from _commands(found.get_command(None, name), (*path, name))
    else:
        yield path, found


COMMANDS = dict(_commands(get_command(app)))
NO_JSON = {("serve",), ("start",), ("settings",)}
"""They run until they are told to stop, or print a page."""
ALONE = NO_JSON | {("version",), ("doctor",)} | {path for path in COMMANDS if path[0] == "mcp"}
"""These need no database, or tell of one that is away in their own way."""


@pytest.fixture(scope="module")
def folder(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("operator")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DATABASE_URL", module_database_url)
        patched.setenv("NOTECHONDRIA_DATA_DIR", str(made))
        yield made


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def _objects(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_teaches(path: tuple[str, ...]) -> None:
    shown = run(*path, "--help")
    assert shown.exit_code == 0
    command = COMMANDS[path]
    assert command.help, "says what it does"
    assert f"notechondria {' '.join(path)}" in command.help, "gives an example"
    for parameter in command.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{parameter.name} is explained"


@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in NO_JSON and path[0] != "mcp"], ids=" ".join)
def test_every_command_is_walked_and_has_json(path: tuple[str, ...]) -> None:
    assert path == ("archive", "import") or any(words[: len(path)] == path for words in WALK)
    assert any("--json" in parameter.opts for parameter in COMMANDS[path].params)


def test_walk_with_and_without_json(folder: Path) -> None:
    streams: dict[str, str] = {"folder": str(folder), "today": str(utc_now().date())}
    for words in WALK:
        filled = [word.format(**streams) for word in words]
        spoken = run(*filled, "--json")
        assert spoken.exit_code == 0, f"{filled}: {spoken.output}"
        objects = _objects(spoken.stdout)
        if words[:2] == ("users", "create"):
            streams["stream"] = f"account-{objects[0]['id']}"
        if words == ("events", "tail"):
            assert objects[-1].keys() >= {"position", "stream", "version", "type", "recorded_at", "data", "metadata"}
            streams["forgotten"] = next(event["stream"] for event in objects if event["stream"].startswith("invitation-"))
        if words[:2] not in {("users", "create"), ("streams", "forget")}:
            told = run(*filled)
            assert told.exit_code == 0, f"{filled}: {told.output}"
            assert told.stdout or words[:2] == ("sessions", "list")
            assert told.stderr == "", "what went as expected is told once"


@pytest.mark.parametrize(("status", "sentence", "words"), REFUSED, ids=[" ".join(words)[:50] for _, _, words in REFUSED])
def test_refusals_have_a_status_and_one_sentence(folder: Path, status: int, sentence: str, words: tuple[str, ...]) -> None:
    assert folder.exists()
    refused = run(*words)
    assert (refused.exit_code, refused.stdout) == (status, ""), refused.output
    assert sentence in refused.stderr
    if status == 1:
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in ALONE], ids=" ".join)
def test_what_hinders_is_told_in_one_sentence(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").touch()
    words = next((words for words in WALK if words[: len(path)] == path), (*path, "{folder}/log.jsonl"))
    filled = [word.format(folder=tmp_path, stream="note-1", forgotten="note-1", today="2031-05-06") for word in words]
    for name, value in (("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none"), ("NOTECHONDRIA_PORT", "many")):
        monkeypatch.setenv(name, value)
        hindered = run(*filled)
        assert hindered.exit_code == 1, hindered.output
        assert hindered.stdout == ""
        assert len(hindered.stderr.strip().splitlines()) == 1, hindered.stderr
    assert "NOTECHONDRIA_PORT" in hindered.stderr


def test_a_data_folder_that_cannot_be_used_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("NOTECHONDRIA_DATA_DIR", str(tmp_path / "file" / "data"))
    refused = run("users", "list")
    assert refused.exit_code == 1
    assert "The data folder" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_tables_hold_whole_names_and_moments_on_a_narrow_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert re.search(r"^ *registrations +reactor ", run("projections", "list").stdout, re.MULTILINE)
    assert re.search(r"mira@example\.org +active +\w* +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", run("users", "list").stdout)
