"""Work that only one process at a time may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.database import SETTINGS, reachable

PATIENCE_S = 120
"""How long the lock is waited for: longer than the slowest of servers whose calendar is read under it."""
_SETTINGS = f"{SETTINGS} -c lock_timeout={PATIENCE_S}s"


@contextmanager
def exclusively(pool: ConnectionPool[Connection[TupleRow]], kind: int, number: int) -> Iterator[None]:
    """Others who want the lock of this kind and number (32 bits, signed) wait. Raises OperationalError when that takes too long.

    On a connection of its own: those of the pool are for short work, and whoever holds the lock needs some of them.
    """
    conninfo = pool.conninfo if isinstance(pool.conninfo, str) else pool.conninfo()
    options: dict[str, Any] = {"autocommit": True, "options": _SETTINGS, "application_name": "notechondria-locks"}
    with psycopg.connect(conninfo, **options, **reachable(conninfo)) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, %s)", (kind, number))
        yield
