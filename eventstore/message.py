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

from eventstore.exchange import Answer, Exchange, Params, Queued, known_of

CANCEL_TIMEOUT_S = 2.0
"""How long the server is asked to give up what a request that is over was still waiting for."""


class Message:
    """One transaction. As a context it is stored at the end, and taken back on an error.

    Without an answer in between it is a single message and needs no BEGIN and COMMIT: what a pipeline holds up to its end is one
    transaction to PostgreSQL. Inside of a transaction that the caller has begun it begins and ends none.
    Raises what the driver raises.
    """

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
            self._queued.insert(0, self._known.queued(b"BEGIN", (), Answer(self.send)))
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

    def _exchange(self, queued: Sequence[Queued]) -> None:
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
        known = known_of(connection)
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
        known_of(connection).prepared.clear()
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            raise
        return await _asked(connection, query, params)


async def _asked(connection: AsyncConnection[TupleRow], query: bytes, params: Params) -> list[TupleRow]:
    known = known_of(connection)
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
