"""The operator's commands for events, streams and archives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.main import app
from eventstore.archive import reserved
from eventstore.blobs import Blobs
from eventstore.database import sync_pool
from eventstore.migrate import migrate
from eventstore.recorder import LogRecorder
from tests.log.clusters import fresh_database
from tests.log.events import renamed


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABASE_URL", database_url)
    migrate(database_url)
    with sync_pool(database_url, size=1, name="tests") as pool:
        LogRecorder(pool).insert_events([renamed("page-1", version, f"title {version}") for version in range(1, 6)])
    return lambda *words, **more: CliRunner().invoke(app, [str(word) for word in words], **more)


def objects(result: Any) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_tail_shows_events_in_order(command: Any) -> None:
    assert [event["position"] for event in objects(command("events", "tail", "--limit", 2, "--json"))] == [4, 5]
    shown = objects(command("events", "tail", "--after", 1, "--limit", 3, "--json"))
    assert [event["version"] for event in shown] == [2, 3, 4]
    assert set(shown[0]) == {"position", "stream", "version", "type", "recorded_at", "data", "metadata"}
    assert "page-1@5  NoteRenamed" in command("events", "tail").stdout


def test_show_tells_when_there_is_no_such_event(command: Any) -> None:
    assert objects(command("events", "show", 3, "--json"))[0]["data"] == {"title": "title 3"}
    missing = command("events", "show", 99)
    assert missing.exit_code == 1
    assert "no event at position 99" in missing.output


def test_stream_is_shown_as_of_a_version_or_time(command: Any) -> None:
    assert len(objects(command("streams", "show", "page-1", "--json"))) == 5
    assert len(objects(command("streams", "show", "page-1", "--at", 3, "--json"))) == 3
    assert len(objects(command("streams", "show", "page-1", "--at", "2026-01-01T00:00", "--json"))) == 5
    assert command("streams", "show", "page-1", "--at", "2025-12-31").exit_code == 1
    assert "neither a version nor a time" in command("streams", "show", "page-1", "--at", "yesterday").output


def test_forgotten_stream_keeps_its_events_but_not_their_content(command: Any) -> None:
    assert command("streams", "forget", "page-1", "--reason", "asked for", input="n\n").exit_code == 1
    assert objects(command("streams", "show", "page-1", "--json"))[0]["data"] is not None
    assert command("streams", "forget", "page-1", "--reason", "asked for", "--yes").exit_code == 0
    events = objects(command("streams", "show", "page-1", "--json"))
    assert [event["data"] for event in events] == [None] * 5 + [{"reason": "asked for"}]
    assert events[-1]["metadata"]["channel"] == "cli"
    assert command("streams", "forget", "page-1", "--reason", "asked for", "--yes").exit_code == 1


def test_verify_ends_with_status_1_when_something_is_wrong(command: Any, database_url: str) -> None:
    assert command("events", "verify").exit_code == 0
    with sync_pool(database_url, size=1, name="tests") as pool, pool.connection() as connection:
        connection.execute("DELETE FROM log.events WHERE version = 2")
    wrong = command("events", "verify", "--json")
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["kind"] == "version"


def test_archive_goes_into_another_store(command: Any, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "log.jsonl.gz"
    (exported,) = objects(command("archive", "export", file, "--json"))
    assert exported["events"] == 5
    assert command("archive", "import", file).exit_code == 1
    for other in fresh_database(postgres_url):
        monkeypatch.setenv("DATABASE_URL", other)
        assert objects(command("archive", "import", file, "--json")) == [exported]
        assert len(objects(command("streams", "show", "page-1", "--json"))) == 5
    assert command("archive", "import", tmp_path / "missing").exit_code == 1


def test_an_import_has_its_store_whatever_came_with_it(
    command: Any, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log.jsonl.gz"
    monkeypatch.setenv("NOTECHONDRIA_DATA_DIR", str(tmp_path / "here"))
    # A picture that was replaced, say: the log does not name it any more.
    Blobs.at(tmp_path / "here" / "media").put_now("user_upload/user_1/replaced.png", b"1")
    assert command("archive", "export", file).exit_code == 0
    monkeypatch.setenv("NOTECHONDRIA_DATA_DIR", str(tmp_path / "there"))
    for other in fresh_database(postgres_url):
        monkeypatch.setenv("DATABASE_URL", other)
        assert command("archive", "import", file).exit_code == 0
        with psycopg.connect(other) as connection:
            row = connection.execute("SELECT value FROM log.facts WHERE name = 'file_store'").fetchone()
    assert row == (Blobs.at(tmp_path / "there" / "media").owner_now(),)


@pytest.fixture
def exported(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with its folder of files; what is called next works on an empty log."""
    monkeypatch.setenv("NOTECHONDRIA_DATA_DIR", str(tmp_path / "data"))
    assert command("archive", "export", tmp_path / "log.jsonl").exit_code == 0
    return tmp_path / "log.jsonl"


def interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_second_export_to_the_same_place_is_refused_and_the_file_that_hinders_is_named(command: Any, exported: Path) -> None:
    before = exported.read_bytes()
    with reserved(exported):
        refused = command("archive", "export", exported)
    assert (refused.exit_code, refused.stdout, exported.read_bytes()) == (1, "", before)
    assert refused.stderr.startswith("Another export writes to this place now")
    manifest = exported.with_name("log.jsonl.files") / "manifest.jsonl"
    manifest.unlink()
    manifest.mkdir()
    refused = command("archive", "export", exported)
    assert (refused.exit_code, "manifest.jsonl cannot be written: " in refused.stderr) == (1, True), refused.output


def test_stopped_export_tells_what_is_there(command: Any, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step, sentence in (("export_blobs", "holds all events, but not all uploaded files"), ("export_archive", "nothing was changed")):
        monkeypatch.setattr(f"cli.archive.{step}", interrupted)
        stopped = command("archive", "export", exported)
        assert (stopped.exit_code, sentence in stopped.stderr) == (130, True), stopped.output


def test_stopped_import_tells_whether_the_log_is_there(
    command: Any, exported: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in fresh_database(postgres_url):
        monkeypatch.setenv("DATABASE_URL", url)
        with monkeypatch.context() as patched:
            patched.setattr("cli.archive.import_archive", interrupted)
            stopped = command("archive", "import", exported)
        assert (stopped.exit_code, stopped.stderr) == (130, "Stopped; no event was imported.\n")
        monkeypatch.setattr("cli.archive.rebuild", interrupted)
        stopped = command("archive", "import", exported)
        assert (stopped.exit_code, "imported as a whole" in stopped.stderr) == (130, True), stopped.output
        assert "notechondria migrate" in stopped.stderr
        models = next(line for line in objects(command("doctor", "--json")) if line["about"] == "read models")
        assert (models["state"], "notes" in models["found"]) == ("warn", True)
        assert command("migrate").exit_code == 0
        models = next(line for line in objects(command("doctor", "--json")) if line["about"] == "read models")
        assert models["state"] == "ok"
