"""One-time codes: one live code per purpose and target, its wrong tries counted in the database, for all workers together.

A code is used up by the event that names its id: the account's stream refuses the same id a second time, so that of many
who redeem one code at once exactly one succeeds, in the transaction of what the code was for. The row here is only what
tries are checked against; it may go as soon as that event is there.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.statements import Statement

MOST_WRONG_TRIES = 5
COOL_DOWN = timedelta(seconds=60)
DIGITS = 6

# The new code takes the place of an old one unless that is younger than the cool-down and still good; the mail leaves with the code or
# not at all. One that was issued later than now comes from before the clock jumped back, and does not count as young.
_ISSUE = """
WITH issued AS (
    INSERT INTO log.codes AS c (purpose, target, id, digest, issued_at, expires_at)
    VALUES (%(purpose)s, %(target)s, %(id)s, %(digest)s, now(), now() + %(ttl)s)
    ON CONFLICT (purpose, target) DO UPDATE SET id = EXCLUDED.id, digest = EXCLUDED.digest, issued_at = EXCLUDED.issued_at,
        expires_at = EXCLUDED.expires_at, wrong = 0
        WHERE c.issued_at NOT BETWEEN now() - %(cool_down)s AND now() + %(cool_down)s OR c.wrong >= %(most)s
    RETURNING id
), mailed AS (
    INSERT INTO log.mails (account_id, content) SELECT %(account)s, %(mail)s FROM issued
)
SELECT EXISTS (SELECT FROM issued)"""
_TRY = """
UPDATE log.codes SET wrong = wrong + CASE WHEN digest = %(digest)s THEN 0 ELSE 1 END
WHERE purpose = %(purpose)s AND target = %(target)s AND expires_at > now() AND wrong < %(most)s
RETURNING id, digest = %(digest)s"""
_WAITING = """
SELECT ceil(extract(epoch FROM issued_at + %(cool_down)s - now()))::int FROM log.codes
WHERE purpose = %(purpose)s AND target = %(target)s AND wrong < %(most)s
  AND issued_at BETWEEN now() - %(cool_down)s AND now() + %(cool_down)s"""


@dataclass(frozen=True, slots=True)
class Code:
    """A fresh code: the digits go into the mail only, the id into the event that uses it up."""

    digits: str
    id: str


@dataclass(frozen=True, slots=True)
class LiveCode:
    """A code that somebody tried."""

    id: str
    fits: bool
    """Whether these are its digits."""


def new_code() -> Code:
    """Digits and id, both from a secure source."""
    return Code(f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}", secrets.token_hex(8))


class Codes:
    """The live codes. A target is any text that says what the code is bound to; only its keyed digest is stored."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]], key: bytes) -> None:
        self._pool = pool
        self._key = key

    def issuing(self, purpose: str, target: str, code: Code, *, ttl: timedelta, account_id: int, mail: bytes) -> Statement:
        """The statement that makes this the live code and queues its mail; yields whether it did, false inside the cool-down."""
        parameters = {
            "purpose": purpose,
            "target": self._digest(purpose, target),
            "id": code.id,
            "digest": self._digest(purpose, target, code.digits),
            "ttl": ttl,
            "cool_down": COOL_DOWN,
            "most": MOST_WRONG_TRIES,
            "account": account_id,
            "mail": mail,
        }
        return Statement(_ISSUE, parameters)

    def issue(self, statement: Statement) -> bool:
        """Runs `issuing` by itself."""
        with self._pool.connection() as connection:
            row = connection.execute(statement.sql.encode(), dict(statement.params)).fetchone()
        assert row is not None
        return bool(row[0])

    def seconds_to_wait(self, purpose: str, target: str) -> int | None:
        """How long the cool-down of the target still lasts; None when it is over."""
        parameters = {"purpose": purpose, "target": self._digest(purpose, target), "cool_down": COOL_DOWN, "most": MOST_WRONG_TRIES}
        with self._pool.connection() as connection:
            row = connection.execute(_WAITING, parameters).fetchone()
        return None if row is None else max(1, int(row[0]))

    def check(self, purpose: str, target: str, digits: str) -> LiveCode | None:
        """The live code, and whether these are its digits; None when there is none. A wrong try counts, whatever becomes of the command."""
        parameters = {
            "purpose": purpose,
            "target": self._digest(purpose, target),
            "digest": self._digest(purpose, target, digits),
            "most": MOST_WRONG_TRIES,
        }
        with self._pool.connection() as connection:
            row = connection.execute(_TRY, parameters).fetchone()
        return LiveCode(row[0], row[1]) if row is not None else None

    def discard(self, code_id: str) -> None:
        """Removes a code that has been used up."""
        with self._pool.connection() as connection:
            connection.execute("DELETE FROM log.codes WHERE id = %s", (code_id,))

    def _digest(self, *parts: str) -> str:
        # NUL cannot occur inside: requests refuse it, so the parts cannot run into each other.
        return hmac.new(self._key, "\0".join(("code", *parts)).encode("utf-8", "replace"), hashlib.sha256).hexdigest()
