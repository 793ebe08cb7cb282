"""Work that only one process at a time may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool


@contextmanager
def exclusively(pool: ConnectionPool[Connection[TupleRow]], kind: int, number: int) -> Iterator[None]:
    """Others who want the lock of this kind and number (32 bits, signed) wait.

    On a connection of its own: those of the pool are for short work, and whoever holds the lock needs some of them.
    """
    conninfo = pool.conninfo if isinstance(pool.conninfo, str) else pool.conninfo()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, %s)", (kind, number))
        yield
