"""Drops what the log keeps for a while only: the answers that belong to an Idempotency-Key."""

from __future__ import annotations

from datetime import timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

ANSWERS_KEPT = timedelta(days=1)


def prune_answers(connection: Connection[TupleRow], at_most: int = 10_000) -> int:
    """Deletes kept answers, the oldest first; returns how many."""
    deleted = connection.execute(
        "DELETE FROM log.idempotency WHERE (account_id, key) IN (SELECT account_id, key FROM log.idempotency"
        " WHERE created_at < now() - %s ORDER BY created_at LIMIT %s)",
        (ANSWERS_KEPT, at_most),
    )
    return deleted.rowcount
