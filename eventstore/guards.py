"""Counters of tries at secrets, shared by all workers: what a guard allows is the caller's rule, what happened is kept here.

A window that ends later than any that began now would has lasted since before the clock jumped back: it is over. (Twice its
length, since transactions that began at nearly the same time differ a little in what they take for now.)
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from ipaddress import ip_address, ip_network

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

_COUNT = """
INSERT INTO log.guards AS g (name, subject, tries, ends_at) VALUES (%(name)s, %(subject)s, 1, now() + %(window)s)
ON CONFLICT (name, subject) DO UPDATE SET
    tries = CASE WHEN g.ends_at BETWEEN now() AND now() + 2 * %(window)s THEN g.tries + 1 ELSE 1 END,
    ends_at = CASE WHEN g.ends_at BETWEEN now() AND now() + 2 * %(window)s THEN g.ends_at ELSE EXCLUDED.ends_at END
RETURNING tries"""
_FULL = """
SELECT ceil(extract(epoch FROM ends_at - now()))::int FROM log.guards
WHERE name = %(name)s AND subject = %(subject)s AND ends_at BETWEEN now() AND now() + 2 * %(window)s AND tries >= %(limit)s"""


class Guards:
    """Tries by name of the guard and subject, in windows that begin with the first try. Subjects are stored as keyed digests."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]], key: bytes) -> None:
        self._pool = pool
        self._key = key

    def seconds_to_wait(self, name: str, subject: str, limit: int, window: timedelta) -> int | None:
        """How long the window still lasts in which all tries were used; None when there are some left."""
        parameters = {"name": name, "subject": self._digest(subject), "limit": limit, "window": window}
        with self._pool.connection() as connection:
            row = connection.execute(_FULL, parameters).fetchone()
        return None if row is None else max(1, int(row[0]))

    def count(self, name: str, subject: str, window: timedelta) -> int:
        """Counts a try; returns how many there were in this window."""
        parameters = {"name": name, "subject": self._digest(subject), "window": window}
        with self._pool.connection() as connection:
            row = connection.execute(_COUNT, parameters).fetchone()
        assert row is not None
        return int(row[0])

    def clear(self, name: str, *subjects: str) -> None:
        """Forgets the tries of the subjects."""
        with self._pool.connection() as connection:
            connection.execute("DELETE FROM log.guards WHERE name = %s AND subject = ANY(%s)", (name, list(map(self._digest, subjects))))

    def _digest(self, subject: str) -> str:
        return hmac.new(self._key, b"guard\0" + subject.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def network_of(address: str) -> str:
    """What counts as one network: an IPv4 address, or the /64 that an IPv6 host can choose its addresses from."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    if parsed.version == 4 or mapped:
        return str(mapped or parsed)
    return str(ip_network((parsed, 64), strict=False))
