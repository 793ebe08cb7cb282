"""Statements that travel to the server together and are one transaction.

The driver's own pipeline sends each statement by itself, so the server wakes up for every one of them, and its cursors cost more
than all the rest of a command. This works on the same connections with the driver's lower half (`psycopg.pq`, `psycopg.adapt`):
parameters are turned into bytes at once, nothing is sent before an answer is wanted or the message ends, and each statement is
prepared once per connection.
"""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import count
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self
from weakref import WeakKeyDictionary

import psycopg
from psycopg import Connection, errors
from psycopg.abc import Transformer as TransformerType
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import DiagnosticField, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow

Params = Sequence[Any] | Mapping[str, Any]

_Key = tuple[bytes, tuple[int, ...]]


class Executes(Protocol):
    """What takes statements: a Message, or one of the driver's connections."""

    def execute(self, query: bytes, params: Params = ()) -> Any:
        """Runs or queues a statement with the driver's placeholders."""


class Answer:
    """The rows that a statement gives. Asking for them sends what was queued so far."""

    __slots__ = ("_message", "_rows")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._rows: list[TupleRow] | None = None

    def arrived(self, rows: list[TupleRow]) -> None:
        """The statement was carried out."""
        self._rows = rows

    def fetchall(self) -> list[TupleRow]:
        """All rows."""
        if self._rows is None:
            self._message.send()
        assert self._rows is not None
        return self._rows

    def fetchone(self) -> TupleRow | None:
        """The first row."""
        rows = self.fetchall()
        return rows[0] if rows else None


class Message:
    """One transaction. As a context it is stored at the end, and taken back on an error.

    Without an answer in between it is a single message and needs no BEGIN and COMMIT: what a pipeline holds up to its end is one
    transaction to PostgreSQL. Inside of a transaction that the caller has begun it begins and ends none.
    Raises what the driver raises.
    """

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection
        self._known = _known(connection)
        self._queued: list[_Queued] = []
        self._begun = False

    def execute(self, query: bytes, params: Params = ()) -> Answer:
        """Queues a statement. Its parameters are read now; a value that the database cannot hold is refused now."""
        answer = Answer(self)
        self._queued.append(self._known.queued(query, params, answer))
        return answer

    def send(self) -> None:
        """Sends what was queued and waits for the answers; the transaction goes on."""
        if not self._begun and self._status == TransactionStatus.IDLE:
            self._queued.insert(0, self._known.queued(b"BEGIN", (), Answer(self)))
            self._begun = True
        self._travel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self._take_back()
            return
        if self._begun:
            self.execute(b"COMMIT")
        try:
            self._travel()
        except psycopg.Error:
            self._take_back()
            raise

    @property
    def _status(self) -> int:
        return self._connection.pgconn.transaction_status

    def _take_back(self) -> None:
        self._queued.clear()
        if self._begun and self._status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            self.execute(b"ROLLBACK")
            self._travel()

    def _travel(self) -> None:
        queued, self._queued = self._queued, []
        if not queued:
            return
        try:
            failed = self._known.exchange(self._connection.pgconn, queued)
        except BaseException:
            # What the server still sends would be taken for answers to what comes next.
            self._connection.close()
            raise
        if failed is not None:
            raise errors.error_from_result(failed)


def ask(connection: Connection[TupleRow], query: bytes, params: Params = ()) -> Answer:
    """The answer to one statement, in the caller's transaction or one of its own."""
    with Message(connection) as message:
        return message.execute(query, params)


class _Queued(NamedTuple):
    """A statement and its parameters, as they are sent."""

    key: _Key
    """The text, and the types of the parameters: what is prepared under one name."""
    params: Sequence[Any]
    formats: Sequence[Format]
    answer: Answer


@dataclass(slots=True, eq=False)
class _Known:
    """What is known of a connection: how values are sent, and which statements it has prepared under which names."""

    transformer: TransformerType = field(default_factory=lambda: Transformer(psycopg.adapters))
    prepared: dict[_Key, bytes] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)
    poll: select.poll = field(default_factory=select.poll)

    def queued(self, query: bytes, params: Params, answer: Answer) -> _Queued:
        """The statement with its parameters as bytes."""
        sql, names, formats = _compiled(query)
        if not formats:
            return _Queued((sql, ()), (), (), answer)
        values: Any = params if names is None else [params[name] for name in names]  # type: ignore[call-overload]
        dumped = self.transformer.dump_sequence(values, formats)
        return _Queued((sql, self.transformer.types or ()), dumped, self.transformer.formats or (), answer)

    def exchange(self, pgconn: PGconn, queued: Sequence[_Queued]) -> PGresult | None:
        """Sends the statements and hands out their rows; the refusal of the first that fails, which takes all back."""
        pgconn.enter_pipeline_mode()
        steps: list[Callable[[PGresult], None]] = []
        for statement in queued:
            name = self.prepared.get(statement.key)
            if name is None:
                name = b"message%d" % next(self.numbers)
                pgconn.send_prepare(name, *statement.key)
                steps.append(partial(self._is_prepared, statement.key, name))
            pgconn.send_query_prepared(name, statement.params, statement.formats, Format.BINARY)
            steps.append(partial(self._hand_out, statement.answer))
        pgconn.pipeline_sync()
        self._flush(pgconn)
        failed: PGresult | None = None
        for step in steps:
            self._await(pgconn)
            result = pgconn.get_result()
            if result is None:
                raise _lost(failed)
            if result.status in _FINE:
                step(result)
            elif failed is None:
                failed = result
            self._await(pgconn)
            pgconn.get_result()  # None: the statement has no more results.
        self._await(pgconn)
        end = pgconn.get_result()
        if end is None or end.status != ExecStatus.PIPELINE_SYNC:
            raise _lost(failed)
        pgconn.exit_pipeline_mode()
        return failed

    def _flush(self, pgconn: PGconn) -> None:
        """Waits until everything is sent. The server may itself have to send before it can take more."""
        while pgconn.flush():
            self.poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
            if any(happened & ~select.POLLOUT for _, happened in self.poll.poll()):
                pgconn.consume_input()

    def _await(self, pgconn: PGconn) -> None:
        """Waits until there is a result. The driver would wait as well, without letting other threads work."""
        while pgconn.is_busy():
            self.poll.register(pgconn.socket, select.POLLIN)
            self.poll.poll()
            pgconn.consume_input()

    def _is_prepared(self, key: _Key, name: bytes, _: PGresult) -> None:
        self.prepared[key] = name

    def _hand_out(self, answer: Answer, result: PGresult) -> None:
        if result.ntuples:
            self.transformer.set_pgresult(result)
            answer.arrived(self.transformer.load_rows(0, result.ntuples, tuple))
        else:
            answer.arrived([])


_connections: WeakKeyDictionary[Connection[TupleRow], _Known] = WeakKeyDictionary()


def _known(connection: Connection[TupleRow]) -> _Known:
    known = _connections.get(connection)
    if known is None:
        known = _connections[connection] = _Known()
    return known


_PLACEHOLDER = re.compile(rb"%(?:\((\w+)\))?([sb%])")
_FORMATS = {b"s": PyFormat.AUTO, b"b": PyFormat.BINARY}


@lru_cache(maxsize=1024)
def _compiled(query: bytes) -> tuple[bytes, tuple[str, ...] | None, tuple[PyFormat, ...]]:
    """The text with numbers for placeholders, the names of its parameters if they have names, and how each is sent."""
    names: list[str] = []
    formats: list[PyFormat] = []

    def numbered(found: re.Match[bytes]) -> bytes:
        name, kind = found.groups()
        if kind == b"%":
            return b"%"
        if name is None:
            formats.append(_FORMATS[kind])
            return b"$%d" % len(formats)
        if name.decode() not in names:
            names.append(name.decode())
            formats.append(_FORMATS[kind])
        return b"$%d" % (names.index(name.decode()) + 1)

    sql = _PLACEHOLDER.sub(numbered, query)
    return sql, tuple(names) if names else None, tuple(formats)


def _lost(failed: PGresult | None) -> psycopg.Error:
    """The connection has broken; why, as far as the server said so."""
    return errors.error_from_result(failed) if failed is not None and failed.error_field(_SQLSTATE) else psycopg.OperationalError(_LOST)


_FINE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_SQLSTATE = DiagnosticField.SQLSTATE
_LOST = "the connection was lost before the answer came"
