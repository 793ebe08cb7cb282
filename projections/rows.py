"""The rows that a batch of events touches: loaded once, changed in memory, written once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from eventstore.codec import Recorded
from eventstore.events import EVENT_TYPES, Event
from eventstore.exchange import Answer
from eventstore.message import Message
from eventstore.reader import LogRow
from projections.base import Key, Projection, Row, Table

R = TypeVar("R", bound=Row)


@cache
def _sql(table: Table[Any], statement: str, schema: str) -> bytes:
    sql: str = getattr(table, statement)(schema)
    return sql.encode()


SINGLE_STATEMENTS = 4
"""Up to so many rows are written by plain INSERTs; more by one statement over arrays."""


class Rows:
    """Unit of work over the tables of one projection in one schema."""

    def __init__(self, projection: Projection, schema: str, message: Message | None = None) -> None:
        self.projection = projection
        self.schema = schema
        self.message = message
        self.current: Recorded
        self._marks_are_positions = projection.lifecycle == "following"
        self._rows: dict[Table[Any], dict[Key, Any]] = {table: {} for table in projection.tables}
        self._dirty: dict[Table[Any], set[Key]] = {table: set() for table in projection.tables}

    def due(self, table: Table[R], key: Key | int, event: Event) -> R | None:
        """The row for changing it by this event; None when there is no such row or it has seen this event."""
        if isinstance(key, int):
            key = (key,)
        row: R | None = self._rows[table].get(key) or self._get(table, key)
        if row is None:
            return None
        position = self.current.position
        if self._marks_are_positions:
            # The follower's own position keeps events from being applied twice. Events of a stream that was parked
            # come later than younger ones of other streams that touch the same row, so the mark says nothing here.
            row.mark = max(row.mark, position)
        else:
            mark = event.originator_version
            if row.mark > mark or (row.mark == mark and row.touched is None):
                return None
            row.mark = mark
        if row.touched is None:
            self._dirty[table].add(key)
        row.touched = position
        return row

    def look(self, table: Table[R], key: Key | int) -> R | None:
        """The row for reading only."""
        return self._get(table, (key,) if isinstance(key, int) else key)

    def add(self, table: Table[R], row: R, event: Event) -> R | None:
        """Adds a row made by this event, unless it is there already; returns what may still be changed."""
        key = table.key_of(row)
        if self._get(table, key) is not None:
            return None
        row.mark = self.current.position if self._marks_are_positions else event.originator_version
        row.touched = self.current.position
        self._rows[table][key] = row
        self._dirty[table].add(key)
        return row

    def put(self, table: Table[R], row: R, event: Event) -> None:
        """Stores a row that this event alone determines, whether it is there or not: nothing has to be loaded for it."""
        key = table.key_of(row)
        row.mark = self.current.position if self._marks_are_positions else event.originator_version
        row.touched = self.current.position
        self._rows[table][key] = row
        self._dirty[table].add(key)

    def remove(self, table: Table[Any], key: Key | int) -> None:
        """Deletes a row, if it is there."""
        key = (key,) if isinstance(key, int) else key
        self._rows[table][key] = None
        self._dirty[table].add(key)

    def _get(self, table: Table[R], key: Key) -> R | None:
        rows: dict[Key, R | None] = self._rows[table]
        if key not in rows:
            self._load(table, [key])
        return rows[key]

    # ------------------------------------------------------------------ what is known already

    def preset(self, table: Table[R], key: Key, row: R | None) -> None:
        """The row as it is stored now, known from elsewhere; None when there is none."""
        if row is not None:
            row.touched = None
        self._rows[table][key] = row

    def known(self) -> Iterator[tuple[Table[Any], Key, Any]]:
        """Every row that was loaded, preset or changed, as it is stored once the changes are."""
        for table, rows in self._rows.items():
            for key, row in rows.items():
                yield table, key, row

    def at_hand(self, table: Table[R], key: Key) -> R | None:
        """The row as it is stored once the changes are, if it was loaded, preset or changed."""
        row: R | None = self._rows[table].get(key)
        return row

    # ------------------------------------------------------------------ loading

    def wanted(self, batch: Iterable[Recorded]) -> dict[Table[Any], list[Key]]:
        """Keys of rows that the batch touches and that may exist already. New streams have no rows yet."""
        wanted: dict[Table[Any], dict[Key, None]] = {}
        handlers = self.projection.handlers
        for recorded in batch:
            if type(recorded.event) not in handlers:
                continue
            for table, key in self.projection.keys(recorded.event):
                if key not in self._rows[table]:
                    if recorded.event.originator_version == 1 and table.stream is not None:
                        self.preset(table, key, None)
                    else:
                        wanted.setdefault(table, {})[key] = None
        return {table: list(keys) for table, keys in wanted.items()}

    def load(self, wanted: dict[Table[Any], list[Key]]) -> None:
        """Loads rows by key, one query per table, all in one round trip."""
        if wanted:
            assert self.message is not None
            self._loaded(wanted, self._ask_for(wanted, self.message))

    def _ask_for(self, wanted: dict[Table[Any], list[Key]], message: Message) -> list[Answer]:
        return [
            message.execute(_sql(table, "select_sql", self.schema), [list(column) for column in zip(*keys, strict=True)])
            for table, keys in wanted.items()
        ]

    def _loaded(self, wanted: dict[Table[Any], list[Key]], answers: Iterable[Answer]) -> None:
        for (table, keys), answer in zip(wanted.items(), answers, strict=True):
            for key in keys:
                self.preset(table, key, None)
            for values in answer.fetchall():
                row = table.row(*values)
                self.preset(table, table.key_of(row), row)

    def _load(self, table: Table[Any], keys: list[Key]) -> None:
        if self.message is None:
            for key in keys:
                self._rows[table][key] = None
        else:
            self.load({table: keys})

    # ------------------------------------------------------------------ writing

    def changes(self) -> Iterator[tuple[Table[Any], list[Any], list[Key]]]:
        """Per table what to write and what to delete, in key order, so that two transactions cannot deadlock."""
        for table, dirty in self._dirty.items():
            if dirty:
                written, gone = [], []
                for key in sorted(dirty):
                    row = self._rows[table][key]
                    if row is None:
                        gone.append(key)
                    else:
                        row.finish()
                        written.append(row)
                yield table, written, gone

    def write(self, message: Message) -> None:
        """Queues the statements that store all changes."""
        for table, written, gone in self.changes():
            if gone:
                message.execute(*self.deleting(table, gone))
            if len(written) <= SINGLE_STATEMENTS:
                for row in written:
                    self._write_one(message, table, row)
            else:
                message.execute(*self.writing(table, written))
        self.stored()

    def stored(self) -> None:
        """All rows are now as if they had just been loaded."""
        for table, dirty in self._dirty.items():
            rows = self._rows[table]
            for key in dirty:
                if (row := rows[key]) is not None:
                    row.touched = None
            dirty.clear()

    def _write_one(self, message: Message, table: Table[Any], row: Any) -> None:
        message.execute(_sql(table, "upsert_one_sql", self.schema), table.values_of(row))

    def writing(self, table: Table[Any], written: Sequence[Any]) -> tuple[bytes, Sequence[Any]]:
        """The statement that stores these rows, and its parameters."""
        columns = zip(*map(table.values_of, written), strict=True)
        return _sql(table, "upsert_sql", self.schema), [list(column) for column in columns]

    def deleting(self, table: Table[Any], gone: Sequence[Key]) -> tuple[bytes, Sequence[Any]]:
        """The statement that deletes the rows of these keys, and its parameters."""
        return _sql(table, "delete_sql", self.schema), [list(column) for column in zip(*gone, strict=True)]


class RowsNotForeseen(Exception):
    """A handler touched a row that was not loaded before it ran."""


class ForeseenRows(Rows):
    """Rows for handlers that need nothing from the database: they can run before a transaction has begun."""

    def __init__(self, projection: Projection, schema: str) -> None:
        super().__init__(projection, schema)
        self._is_stored: dict[tuple[Table[Any], Key], bool] = {}

    def preset(self, table: Table[R], key: Key, row: R | None) -> None:
        """See Rows.preset."""
        super().preset(table, key, row)
        self._is_stored[table, key] = row is not None

    def _write_one(self, message: Message, table: Table[Any], row: Any) -> None:
        # Only its own stream writes such a row, and the append proves that nobody else has written to that. To find out anew whether
        # the row is there would cost the database a lock on it, or a second look into the index.
        stored = self._is_stored.get((table, table.key_of(row))) if len(table.key) == 1 and table.stream is not None else None
        if stored is None:
            super()._write_one(message, table, row)
        elif stored:
            message.execute(_sql(table, "update_one_sql", self.schema), table.values_then_key(row))
        else:
            message.execute(_sql(table, "insert_one_sql", self.schema), table.values_of(row))

    def _load(self, table: Table[Any], keys: list[Key]) -> None:
        raise RowsNotForeseen(table.name, keys)


def apply_events(message: Message, projection: Projection, log_rows: Sequence[LogRow]) -> None:
    """Brings what these events change into the projection's live tables. The message sends what is left of it."""
    handled = {event_type.__name__ for event_type in projection.handlers}
    # An event of a type that this release does not know is decoded as well, and raises.
    batch = [row.decoded() for row in log_rows if row.type in handled or row.type not in EVENT_TYPES]
    if batch:
        rows = Rows(projection, projection.name, message)
        rows.load(rows.wanted(batch))
        projection.apply(rows, batch)
        rows.write(message)
