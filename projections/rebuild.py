"""Rebuilds projections from the log beside the running service: new tables are filled, brought up to date, and swapped in.

Nothing that is live is touched before the swap, which is one short transaction; a rebuild that is killed leaves
tables behind that the next one drops.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass

import psycopg
import structlog
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from eventstore.garbage import without_garbage_collection
from eventstore.reader import LogAhead, LogRow, SettledLog, rows_where
from projections.base import Projection
from projections.fold import BUDGET, Fold, FoldFailed, Poison
from projections.loops import connect
from projections.progress import Progress
from projections.schema import BUILD_LOCK, create_missing, create_tables, drop_leftovers, drop_schema, finish_tables, record_fingerprint

WRITERS_LOCK = 7266100
"""Held shared by every append; see log.guard."""
BATCH = 1000
AHEAD = 400
"""Events that are read at a time while the log is gone through: about as many as the database can send before they are taken."""
TAIL = 500
"""The swap is tried once no more events than these are left, and applies no more than these while writers wait."""
SWAP_PATIENCE_S = 600.0
PASSES = 5

_BUILT = """
INSERT INTO log.projections (name, version, lifecycle, position) VALUES (%s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version, lifecycle = EXCLUDED.lifecycle, position = EXCLUDED.position,
    ticked_at = now(), built_at = now()"""
_PARK = "INSERT INTO log.parked_streams (projection, stream, position, error) VALUES (%s, %s, %s, %s)"

log = structlog.get_logger("notechondria.rebuild")


class Busy(Exception):
    """Another rebuild or a verification is running on this database."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to."""

    projections: tuple[str, ...]
    events: int
    seconds: float
    swap_ms: float
    """How long writers had to wait for the swap."""
    parked: int
    """Streams that the following projections among them could not take."""


def stale(connection: Connection[TupleRow], projections: Sequence[Projection]) -> tuple[list[Projection], list[str]]:
    """The projections whose tables are missing or of another version, and the names of those that are no more."""
    known = connection.execute("SELECT to_regclass('log.projections') IS NOT NULL").fetchone()
    rows = connection.execute("SELECT name, version, lifecycle FROM log.projections") if known and known[0] else ()
    live = {name: (version, lifecycle) for name, version, lifecycle in rows}
    changed = [p for p in projections if live.get(p.name) != (p.version, p.lifecycle)]
    return changed, sorted(live.keys() - {p.name for p in projections})


def bring_up_to_date(conninfo: str, projections: Sequence[Projection]) -> Rebuilt | None:
    """Makes the tables of an empty store, rebuilds what this release has changed, and drops what it no longer has.

    Several processes may start at once: the first one works, the others wait and find nothing left to do.
    """
    with _connect(conninfo) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (BUILD_LOCK,))
        done = _bring_up_to_date(conninfo, connection, projections)
        _let_others_build(connection)
        return done


def _bring_up_to_date(conninfo: str, connection: Connection[TupleRow], projections: Sequence[Projection]) -> Rebuilt | None:
    drop_leftovers(connection)
    empty = connection.execute("SELECT NOT EXISTS (SELECT FROM log.events)").fetchone()
    if empty is not None and empty[0]:
        create_missing(connection, projections)
    changed, retired = stale(connection, projections)
    if not changed and not retired:
        return None
    log.info("rebuilding read models", projections=[p.name for p in changed], retired=retired)
    done = _Rebuild(conninfo, connection, changed, retired, Progress()).run()
    log.info("read models rebuilt", projections=done.projections, events=done.events, seconds=round(done.seconds, 2))
    return done


def rebuild(
    conninfo: str,
    projections: Sequence[Projection],
    *,
    progress: Progress | None = None,
    throttle: float | None = None,
    budget: int = BUDGET,
) -> Rebuilt:
    """Rebuilds these projections in one pass over the log.

    throttle: at most so many events per second, to leave room for the service.
    Raises Busy, FoldFailed when an event cannot be applied, Cancelled; the live tables are as they were then.
    """
    with _connect(conninfo) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (BUILD_LOCK,)).fetchone()
        if row is None or not row[0]:
            raise Busy("another rebuild or a verification is running")
        drop_leftovers(connection)
        done = _Rebuild(conninfo, connection, projections, [], progress or Progress(), throttle, budget).run()
        _let_others_build(connection)
        return done


def _let_others_build(connection: Connection[TupleRow]) -> None:
    """Closing the connection would release the lock as well, but only some time later."""
    connection.execute("SELECT pg_advisory_unlock(%s)", (BUILD_LOCK,))


def _connect(conninfo: str) -> Connection[TupleRow]:
    return connect(conninfo, "notechondria-rebuild")


class _Rebuild:
    """One rebuild, on a connection that holds BUILD_LOCK. It opens others to read ahead, and to store some rows beside others."""

    def __init__(
        self,
        conninfo: str,
        connection: Connection[TupleRow],
        projections: Sequence[Projection],
        retired: Sequence[str],
        progress: Progress,
        throttle: float | None = None,
        budget: int = BUDGET,
    ) -> None:
        connection.isolation_level = IsolationLevel.READ_COMMITTED
        self._conninfo = conninfo
        self._connection = connection
        self._projections = projections
        self._retired = retired
        self._progress = progress
        self._throttle = throttle
        self._budget = budget
        self._log = SettledLog()
        self._schemas = {projection: f"{projection.name}__next" for projection in projections}
        self._position = 0
        self._swap_ms = 0.0

    def run(self) -> Rebuilt:
        """All of it."""
        try:
            with _connect(self._conninfo) as aside:
                fold = self._fill(aside)
            self._catch_up_and_swap(fold)
        except BaseException:
            self._clean_up()
            raise
        self._drop_old()
        self._progress.enter("done")
        parked = sum(len(share.poison) for share in fold.shares)
        names = tuple(projection.name for projection in self._projections)
        return Rebuilt(names, self._progress.events, self._progress.seconds, self._swap_ms, parked)

    # ------------------------------------------------------------------ filling

    def _fill(self, aside: Connection[TupleRow]) -> Fold:
        poison: dict[Projection, dict[str, Poison]] = {}
        for _ in range(PASSES):
            fold = self._pass(poison, aside)
            if not fold.spoiled:
                return fold
            # Rows that a failing event had changed in part are wrong: once more, without the streams that failed.
            poison = {share.projection: share.poison for share in fold.shares}
            log.warning("events cannot be applied, their streams are left out", streams=sum(map(len, poison.values())))
        raise FoldFailed("handlers fail for other streams in every pass")

    def _pass(self, poison: dict[Projection, dict[str, Poison]], aside: Connection[TupleRow]) -> Fold:
        for projection, schema in self._schemas.items():
            drop_schema(self._connection, schema)
            create_tables(self._connection, projection, schema)
        fold = Fold(self._connection, self._schemas, budget=self._budget, park=True, aside=aside)
        for share in fold.shares:
            share.poison.update(poison.get(share.projection, {}))
        self._position = 0
        self._progress.position = 0
        self._progress.enter("reading", head=self._head())
        with without_garbage_collection():
            # Closed whatever it is in the middle of.
            with closing(_connect(self._conninfo)) as connection:
                ahead = LogAhead(self._log, connection)
                while batch := ahead.read(self._position, AHEAD):
                    fold.take(batch)
                    self._advance(batch)
            if not fold.spoiled:
                self._progress.enter("writing")
                fold.spill(self._finish)
        return fold

    def _finish(self, projection: Projection, connection: Connection[TupleRow]) -> None:
        schema = self._schemas[projection]
        finish_tables(connection, projection, schema)
        for table in projection.tables:
            connection.execute(f"ANALYZE {schema}.{table.name}".encode())

    def _advance(self, batch: Sequence[LogRow]) -> None:
        self._position = batch[-1].position
        self._progress.advance(len(batch), self._position)
        if self._throttle:
            self._progress.cancel.wait(max(0.0, self._progress.events / self._throttle - self._progress.seconds))

    def _head(self) -> int:
        row = self._connection.execute("SELECT coalesce(max(position), 0) FROM log.events").fetchone()
        assert row is not None
        return int(row[0])

    # ------------------------------------------------------------------ swapping

    def _catch_up_and_swap(self, fold: Fold) -> None:
        self._progress.enter("catching up", head=self._head())
        deadline = time.monotonic() + SWAP_PATIENCE_S
        patience_ms = 50
        while True:
            while batch := self._log.read(self._connection, self._position, BATCH):
                fold.write_through(batch)
                self._advance(batch)
                if len(batch) < TAIL:
                    break
            if self._swap(fold, patience_ms):
                return
            if time.monotonic() > deadline:
                raise Busy(f"a transaction has been open for more than {SWAP_PATIENCE_S:.0f} s, the tables cannot be swapped")
            patience_ms = min(1000, patience_ms * 2)
            self._progress.advance(0, self._position)
            time.sleep(0.1)

    def _swap(self, fold: Fold, patience_ms: int) -> bool:
        """Swaps, unless a long transaction holds the locks or too many events came meanwhile."""
        connection = self._connection
        began = time.monotonic()
        swapped = False
        try:
            # In READ COMMITTED the snapshot of every statement is younger than the lock.
            with connection.transaction():
                # Writers queue up behind this wait, so it is short.
                connection.execute(f"SET LOCAL lock_timeout = {patience_ms}".encode())
                names = [p.name for p in self._projections]
                found = connection.execute(
                    "SELECT name, lifecycle, position FROM log.projections WHERE name = ANY(%s)", ([*names, *self._retired],)
                )
                stored = {name: (lifecycle, position) for name, lifecycle, position in found}
                inline = any(p.lifecycle == "inline" for p in self._projections) or any(
                    lifecycle == "inline" for lifecycle, _ in stored.values()
                )
                if inline:
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITERS_LOCK,))
                # Followers take this lock for each batch.
                locked = connection.execute(
                    "SELECT name, position FROM log.projections WHERE name = ANY(%s) ORDER BY name FOR UPDATE",
                    ([*names, *self._retired],),
                ).fetchall()
                reached = max((position for _, position in locked if position is not None), default=0)
                # With the writers' lock all positions are settled; without, those that the follower has passed.
                tail = self._tail(2**62 if inline else reached)
                if len(tail) > TAIL:
                    raise psycopg.Rollback
                if tail:
                    fold.write_through(tail)
                self._flip(fold, stored.keys(), tail[-1].position if tail else self._position)
                swapped = True
        except psycopg.errors.LockNotAvailable:
            return False
        if swapped:
            self._swap_ms = (time.monotonic() - began) * 1000
            self._progress.enter("swapping")
            self._progress.events += len(tail)
        return swapped

    def _tail(self, until: int) -> Sequence[LogRow]:
        condition = "position > %s AND position <= %s ORDER BY position LIMIT %s"
        return rows_where(self._connection, condition, (self._position, until, TAIL + 1))

    def _flip(self, fold: Fold, live: Collection[str], position: int) -> None:
        connection = self._connection
        with connection.pipeline():
            for name in self._retired:
                connection.execute(f"ALTER SCHEMA {name} RENAME TO {name}__old".encode())
                connection.execute("DELETE FROM log.projections WHERE name = %s", (name,))
                connection.execute("DELETE FROM log.parked_streams WHERE projection = %s", (name,))
            for share in fold.shares:
                projection = share.projection
                if projection.name in live:
                    connection.execute(f"ALTER SCHEMA {projection.name} RENAME TO {projection.name}__old".encode())
                connection.execute(f"ALTER SCHEMA {self._schemas[projection]} RENAME TO {projection.name}".encode())
                following = projection.lifecycle == "following"
                connection.execute(_BUILT, (projection.name, projection.version, projection.lifecycle, position if following else None))
                connection.execute("DELETE FROM log.parked_streams WHERE projection = %s", (projection.name,))
                for stream, poison in share.poison.items():
                    connection.execute(_PARK, (projection.name, stream, poison.position, poison.error))
            record_fingerprint(connection)

    # ------------------------------------------------------------------ afterwards

    def _drop_old(self) -> None:
        for name in [*(p.name for p in self._projections), *self._retired]:
            try:
                drop_schema(self._connection, f"{name}__old")
            except psycopg.Error as error:
                # The swap is done; the next rebuild drops it.
                log.warning("old tables could not be dropped", projection=name, error=str(error))

    def _clean_up(self) -> None:
        for schema in self._schemas.values():
            try:
                drop_schema(self._connection, schema)
            except psycopg.Error:
                return
