"""Long work that waits for the background process, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg_pool import ConnectionPool

from eventstore.statements import Statement

Pool = ConnectionPool[Connection[TupleRow]]

SILENT = timedelta(seconds=30)
"""A job that has not been seen for so long is not being done any more."""
SHOWN = 20

_COLUMNS = """id, operation, action, target, asked_at, seen_at, finished_at, phase, done, total, rate, outcome,
    failed, finished_at IS NULL AND seen_at NOT BETWEEN now() - %(silent)s AND now() + %(silent)s AS lost"""
_TAKE = """
UPDATE log.jobs SET seen_at = now(), phase = 'starting'
WHERE id = (SELECT id FROM log.jobs WHERE finished_at IS NULL AND seen_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id"""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work."""

    id: int
    operation: str
    action: str
    target: str
    asked_at: datetime
    seen_at: datetime | None
    finished_at: datetime | None
    phase: str
    done: int
    total: int
    rate: float
    outcome: str
    failed: bool
    lost: bool

    @property
    def percent(self) -> int:
        """How much of it is done."""
        return 100 if self.finished_at else min(99, round(100 * self.done / self.total)) if self.total else 0

    @property
    def seconds_left(self) -> float | None:
        """At the present speed."""
        return (self.total - self.done) / self.rate if self.rate and self.total > self.done else None


def queueing(operation: str, action: str, target: str) -> Statement:
    """The statement that queues a job; yields its id."""
    sql = "INSERT INTO log.jobs (operation, action, target) VALUES (%(operation)s, %(action)s, %(target)s) RETURNING id"
    return Statement(sql, {"operation": operation, "action": action, "target": target})


def take_job(pool: Pool) -> Job | None:
    """The oldest job that nobody does, for this process alone."""
    with pool.connection() as connection:
        row = connection.execute(_TAKE).fetchone()
    return find_job(pool, row[0]) if row else None


def find_job(pool: Pool, job_id: int) -> Job | None:
    """The job of this number."""
    found = _jobs(pool, "WHERE id = %(id)s", {"id": job_id})
    return found[0] if found else None


def recent_jobs(pool: Pool) -> Sequence[Job]:
    """The newest jobs first."""
    return _jobs(pool, "ORDER BY id DESC LIMIT %(limit)s", {"limit": SHOWN})


def note_progress(pool: Pool, job_id: int, phase: str, done: int, total: int, rate: float) -> None:
    """Tells how far it has come. done, total: positions in the log; rate: events per second."""
    with pool.connection() as connection:
        connection.execute(
            "UPDATE log.jobs SET seen_at = now(), phase = %s, done = %s, total = %s, rate = %s WHERE id = %s",
            (phase, done, total, rate, job_id),
        )


def finish_job(pool: Pool, job_id: int, outcome: str, *, failed: bool) -> None:
    """It is over."""
    with pool.connection() as connection:
        connection.execute(
            "UPDATE log.jobs SET finished_at = now(), phase = 'done', outcome = %s, failed = %s WHERE id = %s",
            (outcome.replace("\0", "")[:2000], failed, job_id),
        )


def _jobs(pool: Pool, rest: str, parameters: dict[str, object]) -> list[Job]:
    with pool.connection() as connection, connection.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(f"SELECT {_COLUMNS} FROM log.jobs {rest}".encode(), {"silent": SILENT, **parameters}).fetchall()
