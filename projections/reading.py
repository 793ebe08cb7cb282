"""Asking the read models: every read is one statement that authenticates the caller and answers, in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from eventstore.database import reading
from eventstore.digests import secret_digest as secret_digest  # noqa: PLC0414 - doors find it beside the Reader
from eventstore.message import ask, ask_soon
from projections.base import Table
from projections.callers import BY_API_KEY, BY_SESSION, CALLER_COLUMNS

VIEWER = "%(viewer)s"
CredentialKind = Literal["none", "session", "api_key"]


Written = Callable[[Table[Any], int], Any]
"""The row of a table as an append has just left it; None when the append did not need it, or removed it."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `sql` yields exactly one row; %(viewer)s in it is the caller's account id, null when anonymous.

    rest: what is still to be asked behind an append whose rows are at hand, and how its row completes the answer; takes the rows and the
    caller's account id, gives None when all has to be asked.
    """

    sql: str
    params: Mapping[str, object]
    rest: Callable[[Written, int | None], Rest | None] | None = None


class Rest(NamedTuple):
    """The part of an answer that rows at hand do not tell."""

    query: Query
    complete: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    """The query's row -> the answer's row."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request presented: a session key, an API key, or nothing."""

    kind: CredentialKind
    secret: str = ""
    refusal: str = "Invalid token."
    """What the caller is told when they are not good."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. account_id is None for anonymous callers; seen_at is when the session was last noted as used."""

    account_id: int | None
    session_id: int | None = None
    username: str = ""
    is_staff: bool = False
    is_superuser: bool = False
    kind: CredentialKind = "none"
    seen_at: datetime | None = None


ANONYMOUS = Caller(None)


class Rejected(Exception):
    """The presented credentials are not good; `detail` is the sentence for the client."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Reader:
    """Asks on the event loop (`ask`, `identify`) or from a thread (`ask_now`)."""

    def __init__(
        self,
        loop_pool: AsyncConnectionPool[AsyncConnection[TupleRow]],
        thread_pool: ConnectionPool[Connection[TupleRow]],
        key: bytes,
    ) -> None:
        self.loop_pool = loop_pool
        self.thread_pool = thread_pool
        self._key = key

    async def ask(self, query: Query, credentials: Credentials) -> tuple[Caller, tuple[Any, ...]]:
        """The caller and the answer's row. Raises Rejected for bad credentials."""
        sql, params = self._statement(query, credentials)
        async with self.loop_pool.connection() as connection:
            rows = await ask_soon(connection, sql.encode(), params)
        return _split(rows[0] if rows else None, credentials)

    def ask_now(self, query: Query, credentials: Credentials) -> tuple[Caller, tuple[Any, ...]]:
        """The same from a thread."""
        sql, params = self._statement(query, credentials)

        row = reading(self.thread_pool, lambda connection: ask(connection, sql.encode(), params).fetchone())
        return _split(row, credentials)

    async def identify(self, credentials: Credentials) -> Caller:
        """Who the credentials belong to. Raises Rejected."""
        if credentials.kind == "none":
            return ANONYMOUS
        return (await self.ask(NOTHING, credentials))[0]

    def _statement(self, query: Query, credentials: Credentials) -> tuple[str, dict[str, object]]:
        if credentials.kind == "none":
            return query.sql, {**query.params, "viewer": None}
        digest = secret_digest(self._key, credentials.secret)
        return _with_caller(query.sql, credentials.kind), {**query.params, "digest": digest}


NOTHING = Query("SELECT NULL::int", {})
"""Asks only who calls."""


def newest_version(stream: str) -> Query:
    """The version that a stream has now, null when there is none: (version,)."""
    return Query("SELECT (SELECT max(version) FROM log.events WHERE stream = %(stream)s)", {"stream": stream})


def versions_since(stream: str, known: int) -> Query:
    """The version that a stream has now, and what was appended to it behind a known one: (version, arrays of versions, types, payloads
    and times). At most a few short events, and none whose content was forgotten.
    """
    return Query(_SINCE, {"stream": stream, "known": known})


# One look into the index, which begins at the known version: the stream has that at least. Were there more than the limit, the append
# would find out.
_SINCE = """
SELECT max(version), array_agg(version) FILTER (WHERE taken), array_agg(type) FILTER (WHERE taken),
       array_agg(data) FILTER (WHERE taken), array_agg(recorded_at) FILTER (WHERE taken)
FROM (
    SELECT version, type, data, recorded_at, version > %(known)s AND length(data) BETWEEN 1 AND 65536 AS taken FROM log.events
    WHERE stream = %(stream)s AND version >= %(known)s ORDER BY version LIMIT 21
) few"""


@lru_cache(maxsize=1024)
def _with_caller(sql: str, kind: CredentialKind) -> str:
    caller = BY_SESSION if kind == "session" else BY_API_KEY
    answer = sql.replace(VIEWER, "caller.account_id")
    # OFFSET keeps the planner from mixing the two. A WITH, which does as well, takes longer to set up.
    return f"SELECT caller.*, answer.* FROM ({caller} OFFSET 0) caller CROSS JOIN LATERAL ({answer}) answer"


def _split(row: TupleRow | None, credentials: Credentials) -> tuple[Caller, tuple[Any, ...]]:
    if credentials.kind == "none":
        assert row is not None, "a query has to yield exactly one row"
        return ANONYMOUS, row
    if row is None:
        raise Rejected(credentials.refusal)
    account_id, session_id, username, is_active, is_staff, is_superuser, seen_at = row[:CALLER_COLUMNS]
    if not is_active:
        raise Rejected("User account is disabled.")
    caller = Caller(account_id, session_id, username, is_staff, is_superuser, credentials.kind, seen_at)
    return caller, row[CALLER_COLUMNS:]
