"""Statements that travel to the server together and are one transaction.

The driver's own pipeline sends each statement by itself, so the server wakes up for every one of them, and its cursors cost more
than all the rest of a command. This works on the same connections with the driver's lower half (`psycopg.pq`, `psycopg.adapt`):
parameters are turned into bytes at once, nothing is sent before an answer is wanted or the message ends, and each statement is
prepared once per connection.
"""

from __future__ import annotations

import asyncio
import re
import select
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count, islice
from types import TracebackType
from typing import Any, NamedTuple, Self
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection, Connection, capabilities, errors
from psycopg.abc import Transformer as TransformerType
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import DiagnosticField, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow

Params = Sequence[Any] | Mapping[str, Any]

CANCEL_TIMEOUT_S = 2.0
"""How long the server is asked to give up what a request that is over was still waiting for."""
PREPARED = 500
"""A connection keeps so many statements prepared; those that were not used for longest make room. The driver sends whole numbers in
types of several sizes, so that one text may be prepared many times over.
"""
_CAN_CLOSE = capabilities.has_send_close_prepared()
Exchange = Generator[int, int, PGresult | None]
_Key = tuple[bytes, tuple[int, ...]]


class Answer:
    """The rows that a statement gives. Asking for them sends what was queued so far."""

    __slots__ = ("_message", "_rows")

    def __init__(self, message: Message | None = None) -> None:
        self._message = message
        self._rows: list[TupleRow] | None = None

    def arrived(self, rows: list[TupleRow]) -> None:
        """The statement was carried out."""
        self._rows = rows

    def fetchall(self) -> list[TupleRow]:
        """All rows."""
        if self._rows is None and self._message is not None:
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
        was_idle = self._status == TransactionStatus.IDLE
        try:
            self._exchange(queued)
        except errors.InvalidSqlStatementName:
            # Somebody on the way, such as a pooler, has discarded what was prepared.
            self._known.prepared.clear()
            if not was_idle:
                raise
            if self._status == TransactionStatus.INERROR:
                # A BEGIN among the statements was carried out before one that was not known.
                self._exchange([self._known.queued(b"ROLLBACK", (), Answer())])
            self._exchange(queued)

    def _exchange(self, queued: Sequence[_Queued]) -> None:
        _carry_out(self._connection, self._known.poll, self._known.exchange(self._connection.pgconn, queued))


def _carry_out(connection: Connection[TupleRow], poll: select.poll, exchange: Exchange, wanted: int | None = None) -> None:
    """All of an exchange, or the rest of one that has begun. wanted: what that waits for."""
    try:
        if wanted is None:
            wanted = next(exchange)
        while True:
            poll.register(connection.pgconn.socket, wanted)
            ((_, ready),) = poll.poll()
            wanted = exchange.send(ready)
    except StopIteration as done:
        failed = done.value
    except BaseException:
        # What the server still sends would be taken for answers to what comes next.
        connection.close()
        raise
    if failed is not None:
        raise errors.error_from_result(failed)


class Asked:
    """A question that is sent now and whose rows are fetched later. Until then the connection is good for nothing but being closed."""

    def __init__(self, connection: Connection[TupleRow], query: bytes, params: Params = ()) -> None:
        known = _known(connection)
        self._connection = connection
        self._poll = known.poll
        self._answer = Answer()
        self._exchange = known.exchange(connection.pgconn, [known.queued(query, params, self._answer)])
        self._wanted = next(self._exchange)

    def fetchall(self) -> list[TupleRow]:
        """All rows. Raises what the driver raises."""
        _carry_out(self._connection, self._poll, self._exchange, self._wanted)
        return self._answer.fetchall()


def ask(connection: Connection[TupleRow], query: bytes, params: Params = ()) -> Answer:
    """The answer to one statement, in the caller's transaction or one of its own."""
    with Message(connection) as message:
        return message.execute(query, params)


async def ask_soon(connection: AsyncConnection[TupleRow], query: bytes, params: Params = ()) -> list[TupleRow]:
    """The rows that one statement gives, on the event loop."""
    try:
        return await _asked(connection, query, params)
    except errors.InvalidSqlStatementName:
        # As in Message.
        _known(connection).prepared.clear()
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            raise
        return await _asked(connection, query, params)


async def _asked(connection: AsyncConnection[TupleRow], query: bytes, params: Params) -> list[TupleRow]:
    known = _known(connection)
    queued = known.queued(query, params, answer := Answer())
    exchange = known.exchange(connection.pgconn, [queued])
    try:
        wanted = next(exchange)
        while True:
            wanted = exchange.send(await _ready(connection.pgconn.socket, wanted))
    except StopIteration as done:
        failed = done.value
    except BaseException:
        with suppress(psycopg.Error):
            await connection.cancel_safe(timeout=CANCEL_TIMEOUT_S)
        await connection.close()
        raise
    if failed is not None:
        raise errors.error_from_result(failed)
    return answer.fetchall()


async def _ready(fd: int, wanted: int) -> int:
    """Waits until the connection is ready, and tells for what."""
    loop = asyncio.get_running_loop()
    happened = loop.create_future()
    loop.add_reader(fd, _happens, happened, select.POLLIN)
    if wanted & select.POLLOUT:
        loop.add_writer(fd, _happens, happened, select.POLLOUT)
    try:
        return await happened  # type: ignore[no-any-return]
    finally:
        loop.remove_reader(fd)
        if wanted & select.POLLOUT:
            loop.remove_writer(fd)


def _happens(happened: asyncio.Future[int], what: int) -> None:
    if not happened.done():
        happened.set_result(what)


_Queued = tuple[_Key, Sequence[Any], Sequence[Format], Answer]
"""A statement as it is sent: its text and the types of its parameters, which is what is prepared under one name, then the parameters
and their formats.
"""


class _Naming(NamedTuple):
    """A statement that is being prepared."""

    key: _Key
    name: bytes


class _Closing(NamedTuple):
    """A statement that is to be prepared no more."""

    key: _Key


_Step = Answer | _Naming | _Closing
"""What a result is for."""


@dataclass(slots=True, eq=False)
class _Known:
    """What is known of a connection: how values are sent, and which statements it has prepared under which names."""

    transformer: TransformerType = field(default_factory=lambda: Transformer(psycopg.adapters))
    prepared: OrderedDict[_Key, bytes] = field(default_factory=OrderedDict)
    """The one used last comes last."""
    numbers: count[int] = field(default_factory=count)
    poll: select.poll = field(default_factory=select.poll)

    def queued(self, query: bytes, params: Params, answer: Answer) -> _Queued:
        """The statement with its parameters as bytes."""
        sql, names, formats = _compiled(query)
        if not formats:
            return (sql, ()), (), (), answer
        values: Any = params if names is None else [params[name] for name in names]  # type: ignore[call-overload]
        dumped = self.transformer.dump_sequence(values, formats)
        return (sql, self.transformer.types or ()), dumped, self.transformer.formats or (), answer

    def exchange(self, pgconn: PGconn, queued: Sequence[_Queued]) -> Exchange:
        """Sends the statements and hands out their rows; the refusal of the first that fails, which takes all back.

        Yields what the connection has to be ready for before it goes on, as bits of select.poll.
        """
        steps = self._put_down(pgconn, queued)
        while pgconn.flush():
            # The server may itself have to send before it can take more.
            if (yield select.POLLIN | select.POLLOUT) & ~select.POLLOUT:
                pgconn.consume_input()
        failed: PGresult | None = None
        for step in steps:
            while pgconn.is_busy():
                yield select.POLLIN
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                raise _lost(failed)
            if result.status in _FINE:
                self._take(step, result)
            elif failed is None:
                failed = result
            pgconn.get_result()  # None, at once: the statement has no more results.
        end = yield from _next_result(pgconn)
        if end is not None and end.status == ExecStatus.FATAL_ERROR and end.error_field(_SQLSTATE):
            # The commit itself failed, such as at a constraint that is deferred: the end of the message follows yet.
            failed = failed or end
            pgconn.get_result()
            end = yield from _next_result(pgconn)
        if end is None or end.status != ExecStatus.PIPELINE_SYNC:
            raise _lost(failed)
        pgconn.exit_pipeline_mode()
        return failed

    def _put_down(self, pgconn: PGconn, queued: Sequence[_Queued]) -> list[_Step]:
        """Writes the statements into the connection's buffer; what each of the results is for."""
        pgconn.enter_pipeline_mode()
        steps: list[_Step] = []
        naming: dict[_Key, bytes] = {}
        for key, params, formats, answer in queued:
            name = self.prepared.get(key)
            if name is not None:
                self.prepared.move_to_end(key)
            elif (name := naming.get(key)) is None:
                name = naming[key] = b"message%d" % next(self.numbers)
                pgconn.send_prepare(name, *key)
                steps.append(_Naming(key, name))
            pgconn.send_query_prepared(name, params, formats, Format.BINARY)
            steps.append(answer)
        if naming:
            steps.extend(self._make_room(pgconn, len(naming)))
        pgconn.pipeline_sync()
        return steps

    def _make_room(self, pgconn: PGconn, wanted: int) -> list[_Closing]:
        """Closes what is too much, at the end of a message. Not by DEALLOCATE, which might fail and take the transaction back."""
        too_many = len(self.prepared) + wanted - PREPARED if _CAN_CLOSE else 0
        closing = [_Closing(key) for key in islice(self.prepared, max(too_many, 0))]
        for step in closing:
            pgconn.send_close_prepared(self.prepared[step.key])
        return closing

    def _take(self, step: _Step, result: PGresult) -> None:
        if isinstance(step, Answer):
            if result.ntuples:
                self.transformer.set_pgresult(result)
                step.arrived(self.transformer.load_rows(0, result.ntuples, tuple))
            else:
                step.arrived([])
        elif isinstance(step, _Naming):
            self.prepared[step.key] = step.name
        else:
            del self.prepared[step.key]


def _next_result(pgconn: PGconn) -> Exchange:
    while pgconn.is_busy():
        yield select.POLLIN
        pgconn.consume_input()
    return pgconn.get_result()


_connections: WeakKeyDictionary[object, _Known] = WeakKeyDictionary()


def _known(connection: Connection[TupleRow] | AsyncConnection[TupleRow]) -> _Known:
    known = _connections.get(connection)
    if known is None:
        # After a ROLLBACK the driver discards whatever is prepared, if it has prepared anything itself.
        assert connection.prepare_threshold is None, "the connection has to be opened with prepare_threshold=None"
        known = _connections[connection] = _Known()
    return known


_PLACEHOLDER = re.compile(rb"%(?:\(([^)]+)\))?([sb%])")
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
