"""What callers have used of their request limits, summed over all processes in one unlogged table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

# Rows are written in order of their keys, so that two processes wait for each other instead of deadlocking.
_SPEND = """
INSERT INTO log.allowances AS a (subject, spent_until)
SELECT subject, now() + make_interval(secs => seconds)
FROM unnest(%(subjects)s::text[], %(seconds)s::float8[]) AS spent (subject, seconds) ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET
    spent_until = EXCLUDED.spent_until
        + CASE WHEN a.spent_until BETWEEN now() AND now() + %(longest)s THEN a.spent_until - now() ELSE '0' END
RETURNING subject, extract(epoch FROM spent_until - now())::float8"""

_TIDY = "DELETE FROM log.allowances WHERE spent_until < now() - interval '1 minute'"

TIDY_EVERY = 500
LONGEST_DEBT = timedelta(hours=1)
"""Nobody gets so far ahead of the clock; who seems to did so before it jumped back."""


class Allowances:
    """The shared sums. The unit is seconds: a caller who may do 600 requests a minute spends 0.1 s with each."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[TupleRow]]) -> None:
        self._pool = pool
        self._rounds = 0

    async def spend(self, seconds: Mapping[str, float]) -> dict[str, float]:
        """Adds what each subject has spent; returns how far ahead of the clock each is now, with what others added."""
        parameters = {"subjects": list(seconds), "seconds": list(seconds.values()), "longest": LONGEST_DEBT}
        async with self._pool.connection() as connection:
            found = await (await connection.execute(_SPEND, parameters)).fetchall()
            self._rounds += 1
            if self._rounds % TIDY_EVERY == 0:
                await connection.execute(_TIDY)
        return dict(found)
