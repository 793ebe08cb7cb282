"""What every database of the run has to stand when its tests are over: a replay makes the very rows that are live,
every event could come twice, and no table holds a password or a key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

import psycopg
from psycopg.rows import TupleRow

from eventstore.codec import Recorded
from eventstore.reader import LogRow
from projections.base import Projection
from projections.catalog import ALL_PROJECTIONS
from projections.fold import Fold, Share
from projections.rows import Rows
from projections.verify import verify
from tests.accounts.people import NEXT_PASSWORD, PASSWORD

PASSWORDS = (PASSWORD, NEXT_PASSWORD)

_ALL_EVENTS = "SELECT position, stream, version, type, data, metadata, recorded_at FROM log.events ORDER BY position"

_TABLES = """
SELECT relation.oid::regclass::text FROM pg_class relation JOIN pg_namespace schema ON schema.oid = relnamespace
WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema')"""
SECRETS = "|".join([*PASSWORDS, *(password.encode().hex() for password in PASSWORDS), "ntc_[0-9A-Za-z_-]{20}"])


class TwiceFold(Fold):
    """Applies each batch, and then once more to the rows as they were stored after the first time."""

    def __init__(self, connection: psycopg.Connection[TupleRow], schemas: Mapping[Projection, str]) -> None:
        super().__init__(connection, schemas, budget=2**62)
        for share in self.shares:
            # In place of the shorter way, which relies on each event coming once.
            share.rows.due = partial(Rows.due, share.rows)  # type: ignore[method-assign]

    def _apply(self, share: Share, batch: list[Recorded]) -> None:
        super()._apply(share, list(batch))
        share.rows.stored()
        super()._apply(share, batch)


def verify_database(conninfo: str) -> None:
    """Fails when live rows are not what the events make of them. Databases without read models pass."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        exists = connection.execute(
            "SELECT to_regclass('log.projections') IS NOT NULL AND to_regclass('log.events') IS NOT NULL"
        ).fetchone()
        if exists is None or not exists[0]:
            return
        live = set(connection.execute("SELECT name, version, lifecycle FROM log.projections").fetchall())
        projections = [p for p in ALL_PROJECTIONS if (p.name, p.version, p.lifecycle) in live]
        if not projections:
            return
        found = verify(conninfo, projections, allow_empty=True)
        lines = [
            f"{d.projection}.{d.table} {d.key} is {d.kind} {d.columns} (live, replayed); last event: {d.event}"
            for d in found.differences[:10]
        ]
        assert not lines, f"{found.different} live rows are not what a replay makes of the events:\n" + "\n".join(lines)
        assert_twice_is_once(connection, [p for p in projections if p.lifecycle == "inline"])


def assert_twice_is_once(connection: psycopg.Connection[tuple[object, ...]], projections: Sequence[Projection]) -> None:
    """Fails when an inline projection that gets each event twice does not end with the live rows."""
    with connection.cursor(binary=True) as cursor:
        log_rows = [LogRow._make(row) for row in cursor.execute(_ALL_EVENTS)]
    fold = TwiceFold(connection, {projection: projection.name for projection in projections})
    for row in log_rows:
        fold.take([row])
    for share in fold.shares:
        for table in share.projection.tables:
            with connection.cursor(binary=True) as cursor:
                live = set(cursor.execute(f"SELECT {', '.join(table.columns)} FROM {share.projection.name}.{table.name}".encode()))
            twice = {table.values_of(row) for _, row in share.rows.held(table)}
            assert twice == live, (
                f"{share.projection.name}.{table.name}: events that come twice change {sorted(map(str, twice ^ live))[:4]}"
            )


def assert_no_secrets(conninfo: str) -> None:
    """Fails when a row holds a password that tests sign in with, or a whole API key."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        tables = [name for (name,) in connection.execute(_TABLES)]
        holding = (f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name} AS held WHERE held::text ~ %(secrets)s)" for name in tables)
        found = connection.execute(" UNION ALL ".join(holding).encode(), {"secrets": SECRETS}).fetchall() if tables else []
    assert not found, f"passwords or keys stand in {found}"


def secrets_in(log: str) -> list[str]:
    """The lines of a log that hold a password that tests sign in with, or a whole API key."""
    return [line for line in log.splitlines() if re.search(SECRETS, line)]
