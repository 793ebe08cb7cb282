"""Removes codes and counters of guards whose time is over."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

_EXPIRED = (
    # Kept a little longer than they are good, so that their cool-down is known.
    "DELETE FROM log.codes WHERE expires_at < now() - interval '1 hour'",
    "DELETE FROM log.guards WHERE ends_at < now()",
)


def remove_expired(pool: ConnectionPool[Connection[TupleRow]]) -> None:
    """Deletes all of them."""
    with pool.connection() as connection:
        for statement in _EXPIRED:
            connection.execute(statement.encode())
