"""Brings the log's schema up to date: numbered SQL files, each applied once, by one process at a time."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import psycopg

MIGRATION_LOCK = 7266101

_LEDGER = """
CREATE SCHEMA IF NOT EXISTS log;
CREATE TABLE IF NOT EXISTS log.migrations (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)"""


class MigrationChanged(Exception):
    """A migration that this database has already applied was changed afterwards."""


def migrations() -> list[tuple[str, str]]:
    """All migrations as (name, SQL), in the order in which they are applied."""
    folder = files("eventstore") / "migrations"
    scripts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda e: e.name)
    return [(script.name.removesuffix(".sql"), script.read_text(encoding="utf-8")) for script in scripts]


def migrate(conninfo: str) -> list[str]:
    """Applies what is missing and returns the names of what was applied.

    Safe when several processes start at once: the others wait and find nothing left to do.
    Raises MigrationChanged when an applied file no longer has the content it was applied with.
    """
    applied_now = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        try:
            connection.execute(_LEDGER)
            applied: dict[str, str] = dict(connection.execute("SELECT name, sha256 FROM log.migrations").fetchall())
            for name, script in migrations():
                digest = hashlib.sha256(script.encode()).hexdigest()
                if name not in applied:
                    with connection.transaction():
                        connection.execute(script.encode())
                        connection.execute("INSERT INTO log.migrations (name, sha256) VALUES (%s, %s)", (name, digest))
                    applied_now.append(name)
                elif applied[name] != digest:
                    raise MigrationChanged(f"migration {name} was changed after it had been applied")
        finally:
            connection.execute("SELECT pg_advisory_unlock(%s)", (MIGRATION_LOCK,))
    return applied_now


def pending(conninfo: str) -> list[str]:
    """Names of the migrations that this database has not applied yet."""
    applied = _applied(conninfo)
    return [name for name, _ in migrations() if name not in applied]


def unknown(conninfo: str) -> list[str]:
    """Names of migrations that a newer release has applied to this database."""
    return sorted(_applied(conninfo) - {name for name, _ in migrations()})


def _applied(conninfo: str) -> set[str]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        exists = connection.execute("SELECT to_regclass('log.migrations') IS NOT NULL").fetchone()
        if exists is None or not exists[0]:
            return set()
        return {name for (name,) in connection.execute("SELECT name FROM log.migrations")}
