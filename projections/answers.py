"""How the read models answer commands: one statement at a time, from a thread."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.message import ask


class SqlAnswers:
    """One statement, one row. The areas' lookups build on this."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]]) -> None:
        self._pool = pool

    def row(self, sql: str, **params: object) -> tuple[Any, ...] | None:
        """The first row of the answer."""
        with self._pool.connection() as connection:
            return ask(connection, sql.encode(), params).fetchone()

    def rows(self, sql: str, **params: object) -> list[tuple[Any, ...]]:
        """All rows of the answer; the statement bounds their number."""
        with self._pool.connection() as connection:
            return ask(connection, sql.encode(), params).fetchall()

    def number(self, sql: str, **params: object) -> int | None:
        """The first column of the first row, a number; None when there is no row."""
        row = self.row(sql, **params)
        return None if row is None else int(row[0])

    def next_id(self, kind: str) -> int:
        """A new id that clients will see; taken from a sequence, never used again. kind: account, note, ..."""
        row = self.row(f"SELECT nextval('log.{kind}_ids')")
        assert row is not None
        return int(row[0])
