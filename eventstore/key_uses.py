"""When each account's API key was last noted as used: for the settings page, no part of the history."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

_NOTE = """
INSERT INTO log.api_key_uses (account_id, used_at) VALUES (%s, now())
ON CONFLICT (account_id) DO UPDATE SET used_at = EXCLUDED.used_at"""


def note_key_use(pool: ConnectionPool[Connection[TupleRow]], account_id: int) -> None:
    """The key was used just now."""
    with pool.connection() as connection:
        connection.execute(_NOTE, (account_id,))
