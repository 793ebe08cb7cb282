"""How the log and its followers are, measured now: a follower that is dead or stuck never looks well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

SILENT_AFTER_S = 30.0
"""A loop ticks every few seconds, and only while its steps succeed."""
ANSWER_WITHIN_S = 3.0

Kind = Literal["inline", "following", "reactor"]

_STATE = """
WITH head AS (SELECT coalesce(max(position), 0) AS position FROM log.events)
SELECT head.position, follower.name, follower.kind, follower.version, follower.position,
       abs(extract(epoch FROM clock_timestamp() - follower.ticked_at))::float8,
       (SELECT count(*) FROM log.parked_streams WHERE projection = follower.parked_as),
       mails.waiting, mails.oldest
FROM head CROSS JOIN (
    SELECT count(*) AS waiting, greatest(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest FROM log.mails
) mails LEFT JOIN (
    SELECT name, lifecycle AS kind, version, position, ticked_at, name AS parked_as FROM log.projections
    UNION ALL
    SELECT name, 'reactor', NULL, position, ticked_at, 'reactor:' || name FROM log.reactors
) follower ON true
ORDER BY follower.kind, follower.name"""


@dataclass(frozen=True, slots=True)
class FollowerHealth:
    """One projection or reactor."""

    name: str
    kind: Kind
    version: int | None
    """Of the live tables; None for reactors."""
    position: int | None
    """None for inline projections, which are never behind."""
    lag: int
    """Positions between it and the head."""
    silent_s: float
    """Between its last tick and now. A tick that seems to come was made before the clock jumped back: a living loop makes the next one
    soon, and a dead one is not taken for alive until the clock gets there."""
    parked: int
    """Streams that wait because of an error."""

    @property
    def alive(self) -> bool:
        """Whether it is being run, and gets on."""
        return self.kind == "inline" or self.silent_s < SILENT_AFTER_S


@dataclass(frozen=True, slots=True)
class Health:
    """The whole. `ready`: the database answers, so requests can be served."""

    database: bool
    head: int
    followers: tuple[FollowerHealth, ...]
    error: str = ""
    mails: int = 0
    """Mails that wait for their delivery."""
    oldest_mail_s: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether requests can be answered."""
        return self.database

    @property
    def well(self) -> bool:
        """Whether moreover everything that follows the log is alive and nothing is parked."""
        return self.database and all(follower.alive and not follower.parked for follower in self.followers)


async def health(pool: AsyncConnectionPool[AsyncConnection[TupleRow]]) -> Health:
    """The state now, in one round trip; never raises because of the database."""
    try:
        async with pool.connection(ANSWER_WITHIN_S) as connection:
            rows = await (await connection.execute(_STATE)).fetchall()
    except psycopg.Error as error:
        return Health(database=False, head=0, followers=(), error=type(error).__name__)
    return _health(rows)


def health_now(connection: Connection[TupleRow]) -> Health:
    """The same from a thread. Raises psycopg.Error when the database is away."""
    return _health(connection.execute(_STATE).fetchall())


def _health(rows: list[TupleRow]) -> Health:
    head, *_, mails, oldest = rows[0]
    followers = tuple(
        FollowerHealth(name, kind, version, position, max(0, head - position) if position is not None else 0, silent, parked)
        for _, name, kind, version, position, silent, parked, *_ in rows
        if name is not None
    )
    return Health(database=True, head=head, followers=followers, mails=mails, oldest_mail_s=oldest)
