"""How many processes one database can serve, and what is told when they are too many."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import structlog

from settings import load_settings
from tests.running.server import command
from wiring import connections_allowed, connections_needed, prepare_start


def test_the_embedded_database_has_connections_for_many_workers(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connections_allowed(connection) >= connections_needed(20)


def test_too_many_workers_are_told_at_the_start_and_by_doctor(database_url: str, tmp_path: Path) -> None:
    settings = load_settings(database_url=database_url, data_dir=tmp_path, workers=64)
    with structlog.testing.capture_logs() as logged:
        prepare_start(settings)
    (told,) = [entry for entry in logged if entry["event"] == "few database connections"]
    assert told["needed"] == connections_needed(64) > told["allowed"]
    looked = command("doctor", "--json", NOTECHONDRIA_DATA_DIR=str(tmp_path), DATABASE_URL=database_url, NOTECHONDRIA_WORKERS="64")
    findings = {finding["about"]: finding for finding in map(json.loads, looked.stdout.splitlines())}
    assert findings["connections"]["state"] == "warn"
    assert "fewer workers" in findings["connections"]["advice"]
    assert looked.returncode == 0
