"""What operators see of accounts, sessions and invitations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg_pool import ConnectionPool

from projections.callers import LIVE, SEEN_AT

Pool = ConnectionPool[Connection[TupleRow]]

_ACCOUNTS = """
SELECT id, username, email, is_staff, is_superuser, registered_at,
       CASE WHEN is_disabled THEN 'disabled' WHEN is_verified THEN 'active' ELSE 'pending' END AS state
FROM accounts.accounts ORDER BY id"""
_SESSIONS = f"""
SELECT s.id, a.username, s.device_label, s.started_at, {SEEN_AT} AS seen_at
FROM sessions.sessions s JOIN accounts.accounts a ON a.id = s.account_id
WHERE {LIVE} AND (%(username)s::text IS NULL OR lower(a.username) = lower(%(username)s)) ORDER BY seen_at DESC"""
_INVITATIONS = """
SELECT id, label, times_used, max_uses, expires_at, created_at,
       times_used < max_uses AND (expires_at IS NULL OR now() <= expires_at) AS usable
FROM invitations.invitations ORDER BY id"""


def list_accounts(pool: Pool) -> list[dict[str, Any]]:
    """All accounts, oldest first."""
    return _rows(pool, _ACCOUNTS, {})


def list_live_sessions(pool: Pool, username: str | None) -> list[dict[str, Any]]:
    """Live sessions, of one account or all, the most recently seen first."""
    return _rows(pool, _SESSIONS, {"username": username})


def list_invitations(pool: Pool) -> list[dict[str, Any]]:
    """All invitations, oldest first; their codes are not known any more."""
    return _rows(pool, _INVITATIONS, {})


def _rows(pool: Pool, sql: str, parameters: dict[str, object]) -> list[dict[str, Any]]:
    with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(sql.encode(), parameters).fetchall()
    return [{name: _shown(value) for name, value in row.items()} for row in found]


def _shown(value: Any) -> Any:
    """Times in UTC, in whatever zone the database tells them."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
