"""A log in a database of its own, on each PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest

from commands.handling import Handling
from eventstore.forgetting import Forgetting
from eventstore.recorder import LogRecorder
from tests.concurrency.writers import roll_back
from tests.log.clusters import Pool, each_postgres_url, empty_url, log_url, migrated, oldest_postgres_url, pool
from tests.log.commanding import handling_on
from tests.log.events import renamed

__all__ = ["each_postgres_url", "empty_url", "log_url", "migrated", "oldest_postgres_url", "pool"]


@pytest.fixture
def filled(pool: Pool, log_url: str) -> str:
    """A log with some of everything: gaps, forgotten events, a snapshot, a follower, ids."""
    recorder = LogRecorder(pool)
    for number in range(1, 6):
        recorder.insert_events([renamed(f"note-{number}", version, f"title \u0131 {version}") for version in range(1, 4)])
        roll_back(pool, [renamed(f"gone-{number}", 1)])
    with pool.connection() as connection:
        connection.execute("SELECT setval('log.note_ids', 77)")
        connection.execute("INSERT INTO log.reactors (name, position) VALUES ('mail', 4)")
        connection.execute(
            'INSERT INTO log.snapshots VALUES (\'note-4\', 2, \'note@1\', \'{"at":"2026-01-01T00:00:00+00:00","every":2,"state":{}}\')'
        )
    recorder.insert_events([], forgetting=[Forgetting("note-2", last=2)])
    return log_url


@pytest.fixture
def handling(pool: Pool) -> Iterator[Handling[Any]]:
    """Commands on the log, without read models."""
    with handling_on(pool) as found:
        yield found
