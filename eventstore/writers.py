"""Who appends at this moment."""

from __future__ import annotations

import time

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

PAUSE_S = 0.01


def await_writers(pool: ConnectionPool[Connection[TupleRow]]) -> None:
    """Returns when all appends that are under way now are stored or taken back. Holds up nobody."""
    with pool.connection() as connection:
        awaited = _writers(connection)
        while awaited:
            time.sleep(PAUSE_S)
            awaited &= _writers(connection)


def _writers(connection: Connection[TupleRow]) -> set[str]:
    return {writer for (writer,) in connection.execute("SELECT log.writers()")}
