"""A log in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.database import sync_pool
from eventstore.migrate import migrate

Pool = ConnectionPool[Connection[TupleRow]]


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """A database with the log's schema and no event."""
    migrate(database_url)
    return database_url


@pytest.fixture
def pool(migrated_url: str) -> Iterator[Pool]:
    """Connections to it."""
    with sync_pool(migrated_url, size=12, name="tests") as opened:
        yield opened
