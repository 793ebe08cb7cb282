"""What is kept of an account beside the log: kept answers, mails on their way, uses of its key and sessions."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

_TABLES = ("log.idempotency", "log.mails", "log.api_key_uses", "log.session_uses")


def remove_traces(pool: ConnectionPool[Connection[TupleRow]], account_id: int) -> None:
    """Deletes all of it."""
    with pool.connection() as connection, connection.transaction():
        for table in _TABLES:
            connection.execute(f"DELETE FROM {table} WHERE account_id = %s".encode(), (account_id,))
