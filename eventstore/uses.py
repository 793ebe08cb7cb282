"""When sessions and API keys were last noted as used: now and then, beside the request, and no part of the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

NOTED_EVERY = timedelta(minutes=5)
"""A use is noted at most this often."""

# Of two requests at once the second finds the use noted and writes nothing.
_NOTE_SESSION = """
INSERT INTO log.session_uses AS noted (session_id, account_id, used_at) VALUES (%(session)s, %(account)s, now())
ON CONFLICT (session_id) DO UPDATE SET used_at = EXCLUDED.used_at WHERE noted.used_at NOT BETWEEN now() - %(every)s AND now()"""
_NOTE_KEY = """
INSERT INTO log.api_key_uses AS noted (account_id, used_at) VALUES (%(account)s, now())
ON CONFLICT (account_id) DO UPDATE SET used_at = EXCLUDED.used_at WHERE noted.used_at NOT BETWEEN now() - %(every)s AND now()"""


class InUse(Protocol):
    """What a door knows of its caller."""

    @property
    def account_id(self) -> int | None:
        """The account, None for anonymous callers."""

    @property
    def session_id(self) -> int | None:
        """The session; None with an API key."""

    @property
    def seen_at(self) -> datetime | None:
        """When the session or key was last noted as used."""


def use_is_due(caller: InUse | None) -> bool:
    """Whether this use is to be noted."""
    if caller is None or caller.account_id is None:
        return False
    # What was noted while the clock was ahead lies in the future.
    return caller.seen_at is None or not timedelta(0) <= datetime.now(UTC) - caller.seen_at < NOTED_EVERY


def note_use(pool: ConnectionPool[Connection[TupleRow]], caller: InUse) -> None:
    """The caller's session or key was used just now."""
    statement = _NOTE_KEY if caller.session_id is None else _NOTE_SESSION
    parameters = {"session": caller.session_id, "account": caller.account_id, "every": NOTED_EVERY}
    with pool.connection() as connection:
        connection.execute(statement.encode(), parameters)
