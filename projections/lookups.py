"""The read models' answers to what commands ask (commands/lookups.py), from a thread."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool


class SqlAnswers:
    """One statement, one row. The areas' lookups build on this."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]]) -> None:
        self._pool = pool

    def row(self, sql: str, **params: object) -> tuple[Any, ...] | None:
        """The first row of the answer."""
        with self._pool.connection() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(sql.encode(), params).fetchone()

    def rows(self, sql: str, **params: object) -> list[tuple[Any, ...]]:
        """All rows of the answer; the statement bounds their number."""
        with self._pool.connection() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(sql.encode(), params).fetchall()

    def next_id(self, kind: str) -> int:
        """A new id that clients will see; taken from a sequence, never used again. kind: account, note, ..."""
        row = self.row(f"SELECT nextval('log.{kind}_ids')")
        assert row is not None
        return int(row[0])


class SqlLookups(SqlAnswers):
    """All lookups. Each area adds its own class of answers as a base."""
