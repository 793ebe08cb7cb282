"""Folds a long run of events into rows, in memory up to a budget; what is beyond it is written out and loaded again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from sys import getsizeof
from typing import Any, TypeVar

from psycopg import Connection
from psycopg.rows import TupleRow

from eventstore.codec import Recorded, UnknownEventType
from eventstore.events import EVENT_TYPES, Event
from eventstore.message import Message
from eventstore.reader import LogRow
from projections.base import Key, Projection, Row, Table
from projections.gathering import forget_texts
from projections.parking import describe, is_the_events_fault
from projections.rows import Rows
from projections.sharing import share_out

BUDGET = 256 * 2**20
"""Bytes of memory for the rows that are held at a time."""
ROW_OVERHEAD = 400
"""Bytes of a row beside its texts: the object, its key, its places in the dictionaries."""
CHUNK = 2000
"""Rows per COPY: its transaction is kept short, since followers wait for the oldest one at gaps of the log."""

T = TypeVar("T")
R = TypeVar("R", bound=Row)
Storing = Callable[[Connection[TupleRow]], None]
WhenStored = Callable[[Projection, Connection[TupleRow]], None]


class FoldFailed(Exception):
    """A handler raised, or an event cannot be read; the message names both."""


class NewerEvent(FoldFailed):
    """The event is of a type that only another release knows."""


@dataclass(frozen=True, slots=True)
class Poison:
    """An event that a following projection cannot take; its stream waits from this position on."""

    position: int
    error: str


class FoldedRows(Rows):
    """Rows that were never written can be copied; those that were loaded are replaced."""

    def __init__(self, projection: Projection, schema: str) -> None:
        super().__init__(projection, schema)
        self.connection: Connection[TupleRow] | None = None
        """None as long as nothing is stored that could be loaded."""
        self._stored: dict[Table[Any], set[Key]] = {table: set() for table in projection.tables}

    def due(self, table: Table[R], key: Key | int, event: Event) -> R | None:
        """See Rows.due. As long as nothing is stored, all rows were made here: they are to be stored, and have seen no later event."""
        if self.connection is not None:
            return super().due(table, key, event)
        row: R | None = self._rows[table].get((key,) if isinstance(key, int) else key)
        if row is not None:
            row.touched = position = self.current.position
            row.mark = position if self._marks_are_positions else event.originator_version
        return row

    def load(self, wanted: dict[Table[Any], list[Key]]) -> None:
        """Loads rows by key, and remembers which there were."""
        if self.connection is None or not wanted:
            return
        with Message(self.connection) as message:
            answers = self._ask_for(wanted, message)
        self._loaded(wanted, answers)
        for table, keys in wanted.items():
            rows = self._rows[table]
            self._stored[table].update(key for key in keys if rows[key] is not None)

    def _load(self, table: Table[Any], keys: list[Key]) -> None:
        if self.connection is None:
            super()._load(table, keys)
        else:
            self.load({table: keys})

    def to_store(self) -> Iterator[Storing]:
        """What together writes all that was changed, in pieces that do not touch each other's rows; `forget` when all are done."""
        for table, dirty in self._dirty.items():
            rows, stored = self._rows[table], self._stored[table]
            fresh = sorted(key for key in dirty if key not in stored and rows[key] is not None)
            for keys in _chunks(fresh, CHUNK):
                yield partial(self._copy, table, keys)
            dirty.intersection_update(stored)
        for table, written, gone in self.changes():
            for chunk in _chunks(written, CHUNK):
                yield partial(self._send, *self.writing(table, chunk))
            for chunk in _chunks(gone, CHUNK):
                yield partial(self._send, *self.deleting(table, chunk))

    def _copy(self, table: Table[Any], keys: Sequence[Key], connection: Connection[TupleRow]) -> None:
        rows = self._rows[table]
        with connection.cursor() as cursor, cursor.copy(table.copy_sql(self.schema).encode()) as copy:
            copy.set_types(table.types)
            for key in keys:
                row = rows.pop(key)
                row.finish()
                copy.write_row(table.values_of(row))

    @staticmethod
    def _send(query: bytes, params: Sequence[Any], connection: Connection[TupleRow]) -> None:
        with Message(connection) as message:
            message.execute(query, params)

    def forget(self) -> None:
        """Drops all rows from memory, written or not."""
        for table in self.projection.tables:
            self._rows[table] = {}
            self._dirty[table] = set()
            self._stored[table] = set()

    def size_of_texts(self) -> int:
        """Bytes of memory that the texts in the rows take."""
        return sum(
            sum(map(getsizeof, filter(None, table.texts_of(row))))
            for table, rows in self._rows.items()
            for row in rows.values()
            if row is not None
        )

    def number(self) -> int:
        """How many rows are held."""
        return sum(map(len, self._rows.values()))

    def held(self, table: Table[Any]) -> Iterator[tuple[Key, Any]]:
        """All rows of a table by key, finished, when none was ever spilled. They are handed out for good: finished they are larger."""
        rows = self._rows[table]
        for key in sorted(key for key, row in rows.items() if row is not None):
            row = rows.pop(key)
            row.finish()
            yield key, row


@dataclass
class Share:
    """One projection's part in a pass over the log."""

    projection: Projection
    rows: FoldedRows
    until: int | None = None
    """The last position that counts; None for all."""
    poison: dict[str, Poison] = field(default_factory=dict)
    """Streams that are left out, from a position on."""
    events: int = 0
    """Events that were applied."""
    waiting: list[Recorded] = field(default_factory=list)

    def admits(self, row: LogRow) -> bool:
        """Whether this event counts."""
        if self.until is not None and row.position > self.until:
            return False
        poison = self.poison.get(row.stream)
        return poison is None or row.position < poison.position


class Fold:
    """One pass over the log for several projections: each event is read and decoded once.

    schemas: where each projection's rows go when they have to be written.
    before_spill: called once before the first rows are written.
    park: whether a following projection goes on without the streams that make it fail. The rows that a failing
        event has changed in part are wrong then (`spoiled`): the pass has to be made again with these streams left out.
    aside: another connection, so that the database stores the rows of one projection while those of the next are worked out.
    """

    def __init__(
        self,
        connection: Connection[TupleRow],
        schemas: Mapping[Projection, str],
        *,
        budget: int = BUDGET,
        before_spill: Callable[[], None] | None = None,
        park: bool = False,
        aside: Connection[TupleRow] | None = None,
    ) -> None:
        self.connection = connection
        self._connections = [connection] if aside is None else [connection, aside]
        self.shares = [Share(projection, FoldedRows(projection, schema)) for projection, schema in schemas.items()]
        self.spilled = False
        self.spoiled = False
        self._budget = budget
        self._measure_at = budget
        self._texts = 0
        self._before_spill = before_spill
        self._park = park
        self._routes: dict[str, list[Share]] = {}
        for share in self.shares:
            for event_type in share.projection.handlers:
                self._routes.setdefault(event_type.__name__, []).append(share)

    def take(self, log_rows: Sequence[LogRow]) -> None:
        """Applies the next rows of the log. Raises FoldFailed."""
        self._texts += self._take(log_rows)
        if self._held() > self._measure_at:
            # What has come in is more than what is held: texts replace others. Measured only now and then, since it takes a while.
            self._texts = sum(share.rows.size_of_texts() for share in self.shares)
            held = self._held()
            self._measure_at = max(self._budget, held + self._budget // 8)
            if held > self._budget:
                self.spill()

    def _held(self) -> int:
        return self._texts + ROW_OVERHEAD * sum(share.rows.number() for share in self.shares)

    def _take(self, log_rows: Sequence[LogRow]) -> int:
        routes = self._routes
        restricted = any(share.until is not None or share.poison for share in self.shares)
        taken = 0
        for row in log_rows:
            shares = routes.get(row.type)
            if shares is None:
                if row.type not in EVENT_TYPES:
                    raise NewerEvent(_place(row) + ": this release does not know events of this type")
                continue
            if restricted:
                shares = [share for share in shares if share.admits(row)]
                if not shares:
                    continue
            try:
                recorded = row.decoded()
            except (UnknownEventType, ValueError) as error:
                self._blame(shares, row, error)
                continue
            taken += len(row.data) * len(shares)
            for share in shares:
                share.waiting.append(recorded)
        for share in self.shares:
            if share.waiting:
                batch, share.waiting = share.waiting, []
                self._apply(share, batch)
        return taken

    def _apply(self, share: Share, batch: list[Recorded]) -> None:
        rows = share.rows
        if rows.connection is not None:
            rows.load(rows.wanted(batch))
        while batch:
            try:
                share.projection.apply(rows, batch)
            except Exception as error:
                if not is_the_events_fault(error):
                    raise
                failed = rows.current
                self._poisoned(share, failed.event.originator_id, failed.position, type(failed.event).__name__, error)
                stream = failed.event.originator_id
                batch = [recorded for recorded in batch if recorded.position > failed.position and recorded.event.originator_id != stream]
            else:
                share.events += len(batch)
                return

    def _blame(self, shares: Iterable[Share], row: LogRow, error: Exception) -> None:
        for share in shares:
            self._poisoned(share, row.stream, row.position, row.type, error)

    def _poisoned(self, share: Share, stream: str, position: int, type_name: str, error: Exception) -> None:
        if not self._park or share.projection.lifecycle == "inline":
            message = f"{share.projection.name}: {type_name} of {stream} at position {position}: {describe(error)}"
            raise FoldFailed(message) from error
        share.poison[stream] = Poison(position, describe(error))
        self.spoiled = True

    def spill(self, when_stored: WhenStored | None = None) -> None:
        """Writes all rows out and frees the memory; from here on rows are loaded before they are changed.

        when_stored: called as soon as all rows of a projection are stored, while those of others still are.
        """
        if not self.spilled and self._before_spill is not None:
            self._before_spill()
        self.spilled = True
        # What takes the database longest comes first, and then what most events have gone into.
        shares = sorted(self.shares, key=lambda share: (share.projection.slow_to_index, share.events), reverse=True)
        pieces = [piece for share in shares for piece in _pieces(share, when_stored)]
        share_out(pieces, self._connections, lambda store, connection: store(connection))
        for share in self.shares:
            share.rows.forget()
            share.rows.connection = self.connection
        forget_texts()
        self._texts = 0
        self._measure_at = self._budget

    def write_through(self, log_rows: Sequence[LogRow]) -> None:
        """Applies the next rows of the log to tables that are complete, keeping nothing in memory; one transaction."""
        poisoned = -1
        while poisoned != (poisoned := sum(len(share.poison) for share in self.shares)):
            self._forget()
            self._take(log_rows)
        try:
            with Message(self.connection) as message:
                for share in self.shares:
                    share.rows.write(message)
        finally:
            self._forget()

    def _forget(self) -> None:
        for share in self.shares:
            share.rows.forget()
            share.rows.connection = self.connection
        self._texts = 0


def _pieces(share: Share, when_stored: WhenStored | None) -> Iterator[Storing]:
    """What together stores the rows of a share; whoever is done with the last piece calls `when_stored`."""
    pieces = list(share.rows.to_store()) or [lambda _: None]
    left = count(len(pieces) - 1, -1)

    def store(piece: Storing, connection: Connection[TupleRow]) -> None:
        piece(connection)
        if next(left) == 0 and when_stored is not None:
            when_stored(share.projection, connection)

    for piece in pieces:
        yield partial(store, piece)


def _place(row: LogRow) -> str:
    return f"{row.type} of {row.stream} at position {row.position}"


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
