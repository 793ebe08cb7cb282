"""Replays the log beside the live tables and compares row by row: what differs was not made by the events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from eventstore.garbage import without_garbage_collection
from eventstore.reader import LogRow, rows_where
from projections.base import Key, Projection, Table
from projections.fold import BUDGET, Fold, Poison, Share
from projections.loops import connect
from projections.progress import Progress
from projections.rebuild import BATCH, Busy
from projections.schema import BUILD_LOCK, create_tables, drop_schema

SHOWN = 100
"""So many differences are described per table; all are counted."""
FETCHED = 2000

log = structlog.get_logger("notechondria.verify")


class NotComparable(Exception):
    """The live tables are not those of this release, or there was nothing to compare."""


@dataclass(frozen=True, slots=True)
class LastEvent:
    """The event that touched a row last."""

    stream: str
    version: int
    position: int
    type: str

    def __str__(self) -> str:
        return f"{self.stream}@{self.version} {self.type} at position {self.position}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not as a replay makes it."""

    projection: str
    table: str
    kind: Literal["changed", "missing", "extra"]
    """missing: a replay has the row, the live table has not. extra: the other way round."""
    key: dict[str, Any]
    columns: dict[str, tuple[Any, Any]]
    """Of a changed row: column -> (live, replayed)."""
    event: LastEvent | None


@dataclass
class Verification:
    """What a verification found."""

    events: int = 0
    rows: int = 0
    """Rows compared."""
    different: int = 0
    """Rows that differ; the first of each table are described in `differences`."""
    differences: list[Difference] = field(default_factory=list)
    seconds: float = 0.0


def verify(
    conninfo: str,
    projections: Sequence[Projection],
    *,
    progress: Progress | None = None,
    budget: int = BUDGET,
    allow_empty: bool = False,
) -> Verification:
    """Compares these projections' live tables with a replay, at one moment, while the service runs.

    Raises NotComparable when there was nothing to compare (unless allowed) or tables are of another release, Busy
    while a rebuild runs, FoldFailed when an event cannot be applied, Cancelled.
    """
    with connect(conninfo, "notechondria-verify") as live, connect(conninfo, "notechondria-verify") as scratch:
        # A rebuild would swap the tables under the comparison; other verifications may run.
        row = live.execute("SELECT pg_try_advisory_lock_shared(%s)", (BUILD_LOCK,)).fetchone()
        if row is None or not row[0]:
            raise Busy("a rebuild is running")
        live.isolation_level = IsolationLevel.REPEATABLE_READ
        live.read_only = True
        with live.transaction():
            verification = _Verification(live, scratch, projections, progress or Progress(), budget).run()
        # Closing the connection would release it as well, but only some time later.
        live.execute("SELECT pg_advisory_unlock_shared(%s)", (BUILD_LOCK,))
    if not verification.rows and not allow_empty:
        raise NotComparable("there is nothing to compare: neither the live tables nor a replay have a row")
    return verification


class _Verification:
    """One verification; `live` is in a transaction whose snapshot pins events and rows to one moment."""

    def __init__(
        self, live: Connection[TupleRow], scratch: Connection[TupleRow], projections: Sequence[Projection], progress: Progress, budget: int
    ) -> None:
        self._live = live
        self._scratch = scratch
        self._progress = progress
        self._found = Verification()
        schemas = {projection: f"{projection.name}__verify{live.info.backend_pid}" for projection in projections}
        self._schemas = schemas
        self._fold = Fold(scratch, schemas, budget=budget, before_spill=self._make_tables)

    def run(self) -> Verification:
        """Replays, then compares."""
        try:
            self._pin()
            with without_garbage_collection():
                self._replay()
            self._progress.enter("comparing")
            for share in self._fold.shares:
                for table in share.projection.tables:
                    self._compare(share, table)
        finally:
            if self._fold.spilled:
                for schema in self._schemas.values():
                    drop_schema(self._scratch, schema)
        self._found.events = self._progress.events
        self._found.seconds = self._progress.seconds
        self._progress.enter("done")
        return self._found

    def _pin(self) -> None:
        """Up to where each projection has come, without the streams that wait."""
        known = {
            name: (version, lifecycle, position)
            for name, version, lifecycle, position in self._live.execute("SELECT name, version, lifecycle, position FROM log.projections")
        }
        for share in self._fold.shares:
            projection = share.projection
            version, lifecycle, position = known.get(projection.name, (None, None, None))
            if (version, lifecycle) != (projection.version, projection.lifecycle):
                raise NotComparable(f"the live tables of {projection.name} are not those of this release: rebuild it")
            share.until = position
        parked = self._live.execute("SELECT projection, stream, position, error FROM log.parked_streams").fetchall()
        for share in self._fold.shares:
            share.poison = {stream: Poison(at, error) for name, stream, at, error in parked if name == share.projection.name}

    def _replay(self) -> None:
        row = self._live.execute("SELECT coalesce(max(position), 0) FROM log.events").fetchone()
        assert row is not None
        self._progress.enter("reading", head=row[0])
        position = 0
        while batch := self._read(position):
            self._fold.take(batch)
            position = batch[-1].position
            self._progress.advance(len(batch), position)
        if self._fold.spilled:
            self._fold.spill()

    def _read(self, after: int) -> Sequence[LogRow]:
        # What the snapshot shows is all there is: no gap can close in it.
        return rows_where(self._live, "position > %s ORDER BY position LIMIT %s", (after, BATCH))

    def _make_tables(self) -> None:
        for projection, schema in self._schemas.items():
            create_tables(self._scratch, projection, schema)

    # ------------------------------------------------------------------ comparing

    def _compare(self, share: Share, table: Table[Any]) -> None:
        """Merges both sides in key order."""
        live_rows = self._stored(self._live, share.projection.name, table)
        if self._fold.spilled:
            replayed_rows = self._stored(self._scratch, self._schemas[share.projection], table)
        else:
            replayed_rows = ((key, table.values_of(row), row.touched) for key, row in share.rows.held(table))
        described = 0
        for live, replayed in _merged(live_rows, replayed_rows):
            self._found.rows += 1
            if live is None or replayed is None or live[1] != replayed[1]:
                self._found.different += 1
                if described < SHOWN:
                    described += 1
                    self._found.differences.append(self._describe(share, table, live, replayed))

    def _stored(self, connection: Connection[TupleRow], schema: str, table: Table[Any]) -> Iterator[_Side]:
        order = ", ".join(f'{column} COLLATE "C"' if table.columns[column][0] == "text" else column for column in table.key)
        sql = f"SELECT {', '.join(table.columns)} FROM {schema}.{table.name} ORDER BY {order}"
        places = [list(table.columns).index(column) for column in table.key]
        with connection.transaction(), connection.cursor(name="compared") as cursor:
            cursor.itersize = FETCHED
            cursor.execute(sql.encode(), binary=True)
            for values in cursor:
                yield tuple(values[place] for place in places), values, None

    def _describe(self, share: Share, table: Table[Any], live: _Side | None, replayed: _Side | None) -> Difference:
        side = replayed or live
        assert side is not None
        key, values, position = side
        columns: dict[str, tuple[Any, Any]] = {}
        if live is not None and replayed is not None:
            pairs = zip(table.columns, live[1], replayed[1], strict=True)
            columns = {column: (mine, its) for column, mine, its in pairs if mine != its}
        return Difference(
            projection=share.projection.name,
            table=table.name,
            kind="changed" if live is not None and replayed is not None else "extra" if replayed is None else "missing",
            key=dict(zip(table.key, key, strict=True)),
            columns=columns,
            event=self._event(share.projection, table, key, dict(zip(table.columns, values, strict=True)), position),
        )

    def _event(self, projection: Projection, table: Table[Any], key: Key, row: dict[str, Any], position: int | None) -> LastEvent | None:
        """The event by its position, or by the row's mark where the position was not kept in memory."""
        mark: object
        if position is not None:
            where, mark = "position = %s", (position,)
        elif projection.lifecycle == "following":
            where, mark = "position = %s", (row["mark"],)
        elif table.stream is not None:
            where, mark = "stream = %s AND version = %s", (f"{table.stream}-{key[0]}", row["mark"])
        else:
            return None
        found = self._live.execute(f"SELECT stream, version, position, type FROM log.events WHERE {where}".encode(), mark).fetchone()
        return LastEvent(*found) if found else None


def _merged(live_rows: Iterator[_Side], replayed_rows: Iterator[_Side]) -> Iterator[tuple[_Side | None, _Side | None]]:
    """Pairs the rows of two sides by key; both come in key order."""
    live, replayed = next(live_rows, None), next(replayed_rows, None)
    while live is not None or replayed is not None:
        if replayed is None or (live is not None and live[0] < replayed[0]):
            yield live, None
            live = next(live_rows, None)
        elif live is None or replayed[0] < live[0]:
            yield None, replayed
            replayed = next(replayed_rows, None)
        else:
            yield live, replayed
            live, replayed = next(live_rows, None), next(replayed_rows, None)


_Side = tuple[Key, tuple[Any, ...], int | None]
"""A row on one side: key, all columns, position of the event that touched it last where that is known."""
