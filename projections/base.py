"""What a projection is: a name, a version, its tables, and handlers that turn events into rows.

Handlers see events and their own rows, never the clock, the network or other read models: the same log gives the
same tables, always. Every row belongs to one stream; its `mark` tells which event touched it last (for inline
projections the event's version in that stream, for following ones its position), which makes handlers idempotent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from operator import attrgetter
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_type_hints
from uuid import UUID

from eventstore.codec import Recorded
from eventstore.events import Event
from eventstore.events.base import stream_kind, stream_number
from eventstore.events.erasure import OwnerErased

Lifecycle = Literal["inline", "following"]
Key = tuple[Any, ...]
Handler = Callable[[Any, Any, Any], None]

_POSTGRES_TYPES: dict[Any, str] = {
    int: "bigint",
    str: "text",
    bool: "boolean",
    float: "double precision",
    bytes: "bytea",
    datetime: "timestamptz",
    date: "date",
    UUID: "uuid",
}


class Row:
    """Base of row classes: dataclasses with slots whose fields are the columns; `X | None` columns may be null."""

    __slots__ = ("touched",)

    mark: int
    touched: int | None
    """Position of the event that touched the row last since it was loaded; a verification names that event."""

    def finish(self) -> None:
        """Fills columns that are derived from the others. Called once before the row is written."""


def unstored(default: Any) -> Any:
    """A field of a row that is no column: what handlers leave for `finish`. Stands behind the columns."""
    return dataclasses.field(default=default, repr=False, compare=False, metadata={"stored": False})


R = TypeVar("R", bound=Row)


class Table(Generic[R]):
    """One table of a projection.

    name: without schema. row: its columns. key: the primary key's columns.
    stream: the kind of stream that owns a row, when the (first) key column is that stream's number.
    storage: how rows are to be stored, as what stands behind ALTER TABLE; holds before a rebuild loads them.
    ddl: further statements (indexes, unique rules), with {schema}; run after a rebuild has loaded the rows.
    """

    def __init__(
        self, name: str, row: type[R], *, key: tuple[str, ...], stream: str | None = None, storage: str = "", ddl: str = ""
    ) -> None:
        self.name = name
        self.row = row
        self.key = key
        self.stream = stream
        self.storage = storage
        self.ddl = ddl
        hints = get_type_hints(row)
        fields = dataclasses.fields(row)  # type: ignore[arg-type]
        self.columns: dict[str, tuple[str, bool]] = {
            field.name: _postgres_type(hints[field.name]) for field in fields if field.metadata.get("stored", True)
        }
        if [field.name for field in fields[: len(self.columns)]] != list(self.columns):
            raise TypeError(f"unstored fields of {row.__name__} have to stand behind its columns")
        self.key_of: Callable[[R], Key] = _tuple_of(key)
        self._others = tuple(column for column in self.columns if column not in key)
        self.values_of: Callable[[R], Key] = _tuple_of(tuple(self.columns))
        self.values_then_key: Callable[[R], Key] = _tuple_of((*self._others, *key))
        self.texts_of: Callable[[R], Key] = _tuple_of(tuple(c for c, (pg_type, _) in self.columns.items() if pg_type in ("text", "bytea")))

    def copy_of(self, row: R) -> R:
        """The same row once more, as it is stored."""
        return self.row(*self.values_of(row))

    def create_sql(self, schema: str) -> str:
        """CREATE TABLE with the primary key, without the further statements of `ddl`."""
        columns = ", ".join(f"{name} {pg_type}{'' if nullable else ' NOT NULL'}" for name, (pg_type, nullable) in self.columns.items())
        return f"CREATE TABLE {schema}.{self.name} ({columns}, PRIMARY KEY ({', '.join(self.key)}))"

    def select_sql(self, schema: str) -> str:
        """Selects rows by a list of keys, one array parameter per key column."""
        return (
            f"SELECT {', '.join('t.' + column for column in self.columns)} FROM {schema}.{self.name} t"
            f" JOIN unnest({self._arrays(self.key)}) AS wanted ({', '.join(self.key)}) USING ({', '.join(self.key)})"
        )

    def upsert_sql(self, schema: str) -> str:
        """Writes rows, one array parameter per column."""
        return (
            f"INSERT INTO {schema}.{self.name} ({', '.join(self.columns)})"
            f" SELECT * FROM unnest({self._arrays(self.columns)}) {self._on_conflict()}"
        )

    def upsert_one_sql(self, schema: str) -> str:
        """Writes one row, one parameter per column."""
        return f"{self.insert_one_sql(schema)} {self._on_conflict()}"

    def insert_one_sql(self, schema: str) -> str:
        """Writes a row that is not there, one parameter per column."""
        return f"INSERT INTO {schema}.{self.name} ({', '.join(self.columns)}) VALUES ({', '.join('%s' for _ in self.columns)})"

    def update_one_sql(self, schema: str) -> str:
        """Writes a row that is there; parameters as values_then_key gives them."""
        values = ", ".join(f"{column} = %s" for column in self._others)
        return f"UPDATE {schema}.{self.name} SET {values} WHERE {' AND '.join(f'{column} = %s' for column in self.key)}"

    def delete_sql(self, schema: str) -> str:
        """Deletes rows by a list of keys, one array parameter per key column."""
        match = " AND ".join(f"t.{column} = gone.{column}" for column in self.key)
        return f"DELETE FROM {schema}.{self.name} t USING unnest({self._arrays(self.key)}) AS gone ({', '.join(self.key)}) WHERE {match}"

    def copy_sql(self, schema: str) -> str:
        """Loads many rows into an empty table."""
        return f"COPY {schema}.{self.name} ({', '.join(self.columns)}) FROM STDIN (FORMAT BINARY)"

    @property
    def types(self) -> list[str]:
        """The PostgreSQL type of each column, in order."""
        return [pg_type for pg_type, _ in self.columns.values()]

    def _arrays(self, columns: Iterable[str]) -> str:
        return ", ".join(f"%s::{self.columns[column][0]}[]" for column in columns)

    def _on_conflict(self) -> str:
        values = ", ".join(f"{column} = EXCLUDED.{column}" for column in self._others)
        return f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {values}"


def _tuple_of(columns: tuple[str, ...]) -> Callable[[Any], Key]:
    if not columns:
        return lambda _: ()
    get = attrgetter(*columns)
    return get if len(columns) > 1 else lambda row: (get(row),)


def _postgres_type(hint: Any) -> tuple[str, bool]:
    arguments = getattr(hint, "__args__", ())
    nullable = type(None) in arguments
    if nullable:
        (hint,) = (argument for argument in arguments if argument is not type(None))
    return _POSTGRES_TYPES[hint], nullable


def handles(*event_types: type[Event]) -> Callable[[Handler], Handler]:
    """Marks a method of a projection as the handler of these event types: method(self, rows, event)."""

    def mark(method: Handler) -> Handler:
        method.handled = event_types  # type: ignore[attr-defined]
        return method

    return mark


class Projection:
    """Base of projections. A change of tables or handlers raises `version`; the tables are then rebuilt on start."""

    name: ClassVar[str]
    version: ClassVar[int]
    lifecycle: ClassVar[Lifecycle]
    tables: ClassVar[tuple[Table[Any], ...]]
    handlers: ClassVar[dict[type[Event], Handler]] = {}
    remembers: ClassVar[bool] = False
    """Whether processes keep the rows that they wrote last in memory, for inline projections that are written often."""
    slow_to_index: ClassVar[bool] = False
    """Whether the indexes of its tables take long to build: a rebuild builds them while it stores the rows of other projections."""

    def __init_subclass__(cls) -> None:
        cls.handlers = {event_type: method for method in vars(cls).values() for event_type in getattr(method, "handled", ())}
        if any(table.stream for table in cls.tables):
            cls.handlers.setdefault(OwnerErased, cls.owner_erased)

    def owner_erased(self, rows: Any, event: Event) -> None:
        """Removes the rows of a stream whose owner was erased, whatever the area."""
        for table, key in Projection.keys(self, event):
            rows.remove(table, key)

    def apply(self, rows: Any, batch: Iterable[Recorded]) -> None:
        """Turns events into row changes, in order. `rows` is a projections.rows.Rows."""
        handlers = self.handlers
        for recorded in batch:
            event = recorded.event
            handler = handlers.get(type(event))
            if handler is not None:
                rows.current = recorded
                handler(self, rows, event)

    def keys(self, event: Event) -> Iterator[tuple[Table[Any], Key]]:
        """The rows that an event is known to touch, so that a batch can load them in one query per table."""
        kind = stream_kind(event.originator_id)
        for table in self.tables:
            if table.stream == kind and len(table.key) == 1:
                yield table, (stream_number(event.originator_id),)
