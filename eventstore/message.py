"""Statements that travel to the server together and are one transaction.

The driver's own pipeline sends each statement by itself, so the server wakes up for every one of them, and its cursors cost more
than all the rest of a command. This works on the same connections with the driver's lower half (`psycopg.pq`, `psycopg.adapt`):
parameters are turned into bytes at once, nothing is sent before an answer is wanted or the message ends, and each statement is
prepared once per connection.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import psycopg
from psycopg import AsyncConnection, Connection, errors
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from eventstore.exchange import Answer, Exchange, Known, Params, Queued, known_of

CANCEL_TIMEOUT_S = 2.0
"""How long the server is asked to give up what a request that is over was still waiting for."""
_BEGIN = b"BEGIN"


class Message:
    """One transaction. As a context it is stored at the end, and taken back on an error.

    Without an answer in between it is a single message and needs no BEGIN and COMMIT: what a pipeline holds up to its end is one
    transaction to PostgreSQL. Inside of a transaction that the caller has begun it begins and ends none.
    Raises what the driver raises.
    """

    __slots__ = ("_begun", "_connection", "_known", "_queued")

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection
        self._known = known_of(connection)
        self._queued: list[Queued] = []
        self._begun = False

    def execute(self, query: bytes, params: Params = ()) -> Answer:
        """Queues a statement. Its parameters are read now; a value that the database cannot hold is refused now."""
        answer = Answer(self.send)
        self._queued.append(self._known.queued(query, params, answer))
        return answer

    def send(self) -> None:
        """Sends what was queued and waits for the answers; the transaction goes on."""
        if not self._begun and self._status == TransactionStatus.IDLE:
            self._queued.insert(0, self._known.queued(_BEGIN, (), Answer(self.send)))
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
            self._exchange(queued)
        except errors.InvalidSqlStatementName:
            # Somebody on the way, such as a pooler, has discarded what was prepared.
            self._known.prepared.clear()
            if self._status == TransactionStatus.INERROR:
                (sql, _), *_ = queued[0]
                if sql != _BEGIN:
                    raise
                # It was carried out before the one that was not known.
                self._exchange([self._known.queued(b"ROLLBACK", (), Answer())])
            self._exchange(queued)

    def _exchange(self, queued: Sequence[Queued]) -> None:
        _finish(self._connection, self._known, Exchange(self._known, self._connection.pgconn, queued))


def _finish(connection: Connection[TupleRow], known: Known, exchange: Exchange, wanted: int | None = None) -> None:
    """All of an exchange, or the rest of one that has begun. wanted: what that waits for."""
    try:
        if wanted is None:
            wanted = exchange.go_on()
        while wanted:
            if wanted == select.POLLIN:
                known.poll.poll()
            else:
                (both := select.poll()).register(connection.pgconn.socket, wanted)
                both.poll()
            wanted = exchange.go_on()
    except BaseException:
        # What the server still sends would be taken for answers to what comes next.
        connection.close()
        raise
    if exchange.failed is not None:
        raise errors.error_from_result(exchange.failed)


class Asked:
    """A question that is sent now and whose rows are fetched later. Until then the connection is good for nothing but being closed."""

    def __init__(self, connection: Connection[TupleRow], query: bytes, params: Params = ()) -> None:
        self._connection = connection
        self._known = known_of(connection)
        self._answer = Answer()
        self._exchange = Exchange(self._known, connection.pgconn, [self._known.queued(query, params, self._answer)])
        self._wanted = self._exchange.go_on()

    def fetchall(self) -> list[TupleRow]:
        """All rows. Raises what the driver raises."""
        _finish(self._connection, self._known, self._exchange, self._wanted)
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
        known_of(connection).prepared.clear()
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            raise
        return await _asked(connection, query, params)


async def _asked(connection: AsyncConnection[TupleRow], query: bytes, params: Params) -> list[TupleRow]:
    known = known_of(connection)
    exchange = Exchange(known, connection.pgconn, [known.queued(query, params, answer := Answer())])
    try:
        while wanted := exchange.go_on():
            await _ready(connection.pgconn.socket, wanted)
    except BaseException:
        with suppress(psycopg.Error):
            await connection.cancel_safe(timeout=CANCEL_TIMEOUT_S)
        await connection.close()
        raise
    if exchange.failed is not None:
        raise errors.error_from_result(exchange.failed)
    return answer.fetchall()


async def _ready(fd: int, wanted: int) -> None:
    """Waits until the connection is ready."""
    loop = asyncio.get_running_loop()
    happened = loop.create_future()
    loop.add_reader(fd, _happens, happened)
    if wanted & select.POLLOUT:
        loop.add_writer(fd, _happens, happened)
    try:
        await happened
    finally:
        loop.remove_reader(fd)
        if wanted & select.POLLOUT:
            loop.remove_writer(fd)


def _happens(happened: asyncio.Future[None]) -> None:
    if not happened.done():
        happened.set_result(None)
