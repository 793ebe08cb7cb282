"""`notechondria doctor`: what it finds on a server that is well, and where something is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from settings import load_settings
from tests.running.server import ROOT, Running, command, eventually
from tests.running.test_commands import run
from wiring import prepare_start


def findings(text: str) -> dict[str, dict[str, Any]]:
    """By what they are about."""
    return {line["about"]: line for line in map(json.loads, text.splitlines())}


def test_doctor_passes_on_a_running_server_and_leaves_it_running(server_folder: Path) -> None:
    running = Running(server_folder)
    try:
        eventually(lambda: bool(httpx.get(f"{running.address}/api/v1/ready/").json()["well"]))
        looked = command("doctor", "--json", NOTECHONDRIA_DATA_DIR=str(server_folder))
        assert running.answers()
    finally:
        running.end()
    assert looked.returncode == 0, looked.stderr
    states = {
        "python": "ok",
        "settings": "ok",
        "data folder": "ok",
        "database": "ok",
        "connections": "ok",
        "migrations": "ok",
        "read models": "ok",
        "followers": "ok",
        "uploads": "ok",
        "files": "ok",
    }
    assert {about: finding["state"] for about, finding in findings(looked.stdout).items()} == states | {"mail": "warn"}


def test_doctor_fails_on_an_unreachable_database(tmp_path: Path) -> None:
    looked = command("doctor", NOTECHONDRIA_DATA_DIR=str(tmp_path), DATABASE_URL="postgresql://127.0.0.1:1/nothing")
    assert looked.returncode == 1
    assert "DATABASE_URL" in looked.stdout


def test_doctor_fails_on_a_database_that_has_lost_its_version(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "base").mkdir()
    looked = command("doctor", NOTECHONDRIA_DATA_DIR=str(tmp_path))
    assert looked.returncode == 1
    assert "PG_VERSION is missing" in " ".join(looked.stdout.split())


def test_doctor_tells_that_the_uploads_are_gone(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("NOTECHONDRIA_DATA_DIR", str(tmp_path))
    prepare_start(load_settings())
    assert findings(run("doctor", "--json").stdout)["uploads"]["state"] == "ok"
    (tmp_path / "media").rename(tmp_path / "elsewhere")
    found = findings(run("doctor", "--json").stdout)["uploads"]
    assert (found["state"], str(tmp_path / "media") in found["found"]) == ("warn", True)


def test_doctor_tells_that_a_newer_release_was_here(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert run("migrate").exit_code == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO log.migrations (name, sha256) VALUES ('9999_later', '')")
    found = findings(run("doctor", "--json").stdout)["migrations"]
    assert (found["state"], "9999_later" in found["found"]) == ("warn", True)


def test_doctor_only_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("NOTECHONDRIA_DATA_DIR", str(tmp_path / "data"))
    found = findings(run("doctor", "--json").stdout)
    for about in ("data folder", "database", "files"):
        assert (found[about]["state"], "next start" in found[about]["found"]) == ("ok", True)
    assert not (tmp_path / "data").exists()


def test_doctor_tells_how_many_mails_have_become_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("NOTECHONDRIA_DATA_DIR", str(tmp_path))
    for name, size in (("mail-00000001-account-1.eml", 2**20), ("mail-00000002-account-1.eml", 1), ("mail-00000003-account-1.tmp", 2**22)):
        (tmp_path / "outbox").mkdir(exist_ok=True)
        (tmp_path / "outbox" / name).write_bytes(bytes(size))
    assert findings(run("doctor", "--json").stdout)["mail"]["found"].endswith("outbox: 2 by now, 2 MiB")


def test_every_line_of_doctor_is_explained() -> None:
    told = set(re.findall(r'Finding\(\s*"\w+", "([\w ]+)"', (ROOT / "cli" / "doctor.py").read_text()))
    section = (ROOT / "docs" / "operations.md").read_text().partition("### What doctor's lines mean")[2].partition("\n#")[0]
    assert told == set(re.findall(r"^\| `([\w ]+)` \|", section, re.MULTILINE))
