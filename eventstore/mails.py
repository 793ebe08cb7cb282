"""Mails on their way: queued with what they are about, leased by a sender, gone once delivery was confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg_pool import ConnectionPool

from eventstore.sealing import Sealer, Unsealable
from eventstore.statements import Statement

LEASE = timedelta(minutes=12)
"""A sender that has not reported by then is taken for dead; longer than any attempt at delivery lasts."""
LONGEST_WAIT = timedelta(hours=2)
"""Longer than any mail is postponed: one that is due later was postponed before the clock jumped back."""

# Each lease counts as an attempt, so that a mail that kills its sender is given up like one that is refused.
_LEASE = """
UPDATE log.mails SET attempts = attempts + 1, due_at = now() + %(lease)s
WHERE id = (
    SELECT id FROM log.mails WHERE due_at <= now() OR due_at > now() + %(longest)s ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, account_id, content, attempts, created_at"""


@dataclass(frozen=True, slots=True)
class Mail:
    """One plain-text mail to one recipient."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Leased:
    """A mail that this sender is to deliver. mail is None when it was sealed under another secret."""

    id: int
    account_id: int
    mail: Mail | None
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail in the queue, without what it says."""

    id: int
    account_id: int
    attempts: int
    created_at: datetime
    due_at: datetime


class Mails:
    """The queue."""

    def __init__(self, pool: ConnectionPool[Connection[TupleRow]], sealer: Sealer) -> None:
        self._pool = pool
        self._sealer = sealer

    def sealed(self, mail: Mail) -> bytes:
        """The mail as it is queued."""
        return self._sealer.seal(orjson.dumps([mail.to, mail.subject, mail.text]))

    def queueing(self, account_id: int, mail: Mail) -> Statement:
        """The statement that queues the mail."""
        sql = "INSERT INTO log.mails (account_id, content) VALUES (%(account)s, %(content)s) RETURNING id"
        return Statement(sql, {"account": account_id, "content": self.sealed(mail)})

    def queue(self, account_id: int, mail: Mail) -> None:
        """Queues the mail by itself."""
        statement = self.queueing(account_id, mail)
        with self._pool.connection() as connection:
            connection.execute(statement.sql.encode(), dict(statement.params))

    def lease(self) -> Leased | None:
        """The next mail that is due, for this sender alone; None when there is none."""
        with self._pool.connection() as connection:
            row = connection.execute(_LEASE, {"lease": LEASE, "longest": LONGEST_WAIT}).fetchone()
        if row is None:
            return None
        mail_id, account_id, content, attempts, created_at = row
        try:
            fields: list[Any] = orjson.loads(self._sealer.open(bytes(content)))
        except Unsealable:
            return Leased(mail_id, account_id, None, attempts, created_at)
        return Leased(mail_id, account_id, Mail(*fields), attempts, created_at)

    def remove(self, mail_id: int) -> bool:
        """Delivered, or given up; whether it was still in the queue."""
        with self._pool.connection() as connection:
            return connection.execute("DELETE FROM log.mails WHERE id = %s", (mail_id,)).rowcount == 1

    def postpone(self, mail_id: int, delay: timedelta) -> None:
        """To be tried again later."""
        with self._pool.connection() as connection:
            connection.execute("UPDATE log.mails SET due_at = now() + %s WHERE id = %s", (delay, mail_id))

    def waiting(self, limit: int) -> list[Waiting]:
        """The mails that wait, oldest first. To whom and what is sealed."""
        sql = "SELECT id, account_id, attempts, created_at, due_at FROM log.mails ORDER BY id LIMIT %s"
        with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Waiting)) as cursor:
            return cursor.execute(sql, (limit,)).fetchall()

    @staticmethod
    def hurrying(mail_id: int) -> Statement:
        """The statement that makes a mail due now; yields how many there were."""
        sql = "WITH due AS (UPDATE log.mails SET due_at = now() WHERE id = %(id)s RETURNING id) SELECT count(*) FROM due"
        return Statement(sql, {"id": mail_id})
