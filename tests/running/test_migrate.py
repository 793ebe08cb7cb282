"""`notechondria migrate` as operators run it before a new release serves."""

from __future__ import annotations

import json

import psycopg
import pytest

from tests.running.test_commands import run


@pytest.fixture
def conninfo(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The configured database, which is empty."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return database_url


def test_migrate_says_what_it_did_and_then_finds_nothing_to_do(conninfo: str) -> None:
    looked = run("migrate", "--check")
    assert looked.exit_code == 1
    assert "0001_log" in looked.stderr
    first, second = run("migrate"), run("migrate")
    assert first.exit_code == second.exit_code == 0
    assert "0001_log" in first.stdout
    assert second.stdout == "Applied: nothing.\nRebuilt: nothing.\n"
    assert run("migrate", "--check").exit_code == 0


def test_read_models_of_another_release_are_something_to_do(conninfo: str) -> None:
    assert run("migrate").exit_code == 0
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("UPDATE log.projections SET version = version + 1 WHERE name = 'notes'")
    looked = run("migrate", "--check", "--json")
    assert (looked.exit_code, json.loads(looked.stdout)) == (1, {"pending": [], "rebuild": ["notes"]})
    assert "notes" in run("migrate", "--check").stderr
    assert run("migrate").stdout == "Applied: nothing.\nRebuilt: notes.\n"
    assert run("migrate", "--check").exit_code == 0
