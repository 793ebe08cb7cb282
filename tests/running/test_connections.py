"""How many processes one database can serve, and what is told when they are too many."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from tests.running.server import command
from wiring import connections_allowed, connections_needed


def test_the_embedded_database_has_connections_for_many_workers(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connections_allowed(connection) >= connections_needed(20)


def test_too_many_workers_are_told_at_the_start_and_by_doctor(database_url: str, tmp_path: Path) -> None:
    chosen = {"NOTECHONDRIA_DATA_DIR": str(tmp_path), "DATABASE_URL": database_url, "NOTECHONDRIA_WORKERS": "64"}
    started = command("start", "true", **chosen)
    assert started.returncode == 0, started.stderr
    (told,) = [line for line in (started.stdout + started.stderr).splitlines() if "few database connections" in line]
    assert str(connections_needed(64)) in told
    looked = command("doctor", "--json", **chosen)
    findings = {finding["about"]: finding for finding in map(json.loads, looked.stdout.splitlines())}
    assert findings["connections"]["state"] == "warn"
    assert "fewer workers" in findings["connections"]["advice"]
    assert looked.returncode == 0
