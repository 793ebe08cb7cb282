"""`notechondria migrate` as operators run it before a new release serves."""

from __future__ import annotations

from tests.running.server import command


def test_migrate_says_what_it_did_and_then_finds_nothing_to_do(database_url: str) -> None:
    looked = command("migrate", "--check", DATABASE_URL=database_url)
    assert looked.returncode == 1
    assert "0001_log" in looked.stderr
    first, second = (command("migrate", DATABASE_URL=database_url) for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert "0001_log" in first.stdout
    assert second.stdout == "Applied: nothing.\nRebuilt: nothing.\n"
    assert command("migrate", "--check", DATABASE_URL=database_url).returncode == 0
