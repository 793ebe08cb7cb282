"""Processes that start at the same moment migrate once."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import psycopg
import pytest

from eventstore.migrate import MigrationChanged, migrate, migrations, pending


def test_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    names = [name for name, _ in migrations()]
    assert pending(empty_url) == names
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as processes:
        applied = list(processes.map(migrate, [empty_url] * 4))
    assert sorted(applied) == [[], [], [], names]
    assert pending(empty_url) == []


def test_changed_migration_is_refused(log_url: str) -> None:
    with psycopg.connect(log_url, autocommit=True) as connection:
        connection.execute("UPDATE log.migrations SET sha256 = 'another' WHERE name = '0001_log'")
    with pytest.raises(MigrationChanged, match="0001_log"):
        migrate(log_url)
