"""Removes codes, counters of guards, uses of sessions, jobs that are done and kept answers whose time is over."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.pruning import prune_answers

_EXPIRED = (
    # Kept a little longer than they are good, so that their cool-down is known.
    "DELETE FROM log.codes WHERE expires_at < now() - interval '1 hour'",
    "DELETE FROM log.guards WHERE ends_at < now()",
    # Long after the session has died; until then operators see when an account was last in use.
    "DELETE FROM log.session_uses WHERE used_at < now() - interval '30 days'",
    # The event that asked for a job stays in the log. Those that were lost are over as well; those that wait are not.
    "DELETE FROM log.jobs WHERE coalesce(finished_at, seen_at) < now() - interval '30 days'",
)
AT_ONCE = 10_000
"""Kept answers that are deleted in one transaction."""


def remove_expired(pool: ConnectionPool[Connection[TupleRow]]) -> None:
    """Deletes all of them."""
    with pool.connection() as connection:
        for statement in _EXPIRED:
            connection.execute(statement.encode())
    pruned = AT_ONCE
    while pruned == AT_ONCE:
        with pool.connection() as connection:
            pruned = prune_answers(connection, at_most=AT_ONCE)
