"""Connections to PostgreSQL: one pool for commands and followers (threads), one for reads (the event loop)."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from eventsourcing import persistence
from psycopg import AsyncConnection, Connection, Pipeline
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg.waiting import Ready, Wait
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

T = TypeVar("T")
RV = TypeVar("RV")

WAIT_INTERVAL_S = 0.1
WRITES_TAKEN_FOR_GRANTED = 64

UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    persistence.OperationalError,
    persistence.InterfaceError,
)
"""What the drivers raise when the database is away, starting, full or too slow: the client may come again."""

CONNECT_TIMEOUT_S = 5.0
"""How long a request waits for a free connection before it is answered with 503."""

RECONNECT_S = 2.0
"""How long one attempt to connect is repeated. Its pauses double each time, so that after a minute's outage the next try was
another minute away; given up early, the attempt is made anew by the next request."""

PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""Seconds, but the last in milliseconds. By itself the system would try for two hours, while requests wait for an answer."""

SETTINGS = "-c jit=off -c client_min_messages=warning"
COMMAND_SETTINGS = SETTINGS + " -c plan_cache_mode=force_generic_plan"
"""Commands run the same few statements by key: planning them anew each time cost a quarter of a command."""
PLANS_GOOD_FOR_S = 5.0
"""Plans are made anew after so long: one that was made while a table was empty may pick any index, and go through all of a user's
notes for one of them once there are many. PostgreSQL by itself plans again when it has analysed the table, a minute later or more."""


class CommandConnection(Connection[TupleRow]):
    """A connection for threads that share their processor with the event loop.

    While a pipeline is filled the driver asks after each statement whether the socket can be written, which hands the interpreter
    to another thread each time; it nearly always can. Here it is taken for granted for a while, and only the server is waited for.
    """

    def wait(self, gen: PQGen[RV], interval: float = WAIT_INTERVAL_S, timeout: float | None = None) -> RV:
        """Drives one of the driver's generators to its end."""
        try:
            state = next(gen)
            for _ in range(WRITES_TAKEN_FOR_GRANTED):
                if state != Wait.RW:
                    break
                state = gen.send(Ready.W)
        except StopIteration as done:
            result: RV = done.value
            return result
        return super().wait(_going_on(gen, state), interval, timeout)


class Envelope(Pipeline):
    """A pipeline that hands its statements to the network together, when an answer is awaited.

    The driver's own sends each by itself: every time the server wakes up, finds one statement, and takes the processor from whoever
    is still writing the next.
    """

    def _communicate_gen(self) -> PQGen[None]:
        if self.result_queue and self.result_queue[-1] is None:
            # A synchronisation point was queued: somebody is about to fetch.
            self._seal()
            yield from super()._communicate_gen()

    def _fetch_gen(self, *, flush: bool) -> PQGen[None]:
        self._seal()
        yield from super()._fetch_gen(flush=flush)

    def _seal(self) -> None:
        while self.command_queue:
            self.command_queue.popleft()()


def _going_on(gen: PQGen[RV], state: Wait) -> PQGen[RV]:
    while True:
        ready = yield state
        try:
            state = gen.send(ready)
        except StopIteration as done:
            result: RV = done.value
            return result


class _Plans:
    """When each connection's plans were made."""

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[object, float] = WeakKeyDictionary()

    def are_old(self, connection: object) -> bool:
        """Whether they are to be discarded now; then they count as made now."""
        now = monotonic()
        if now - self._made.setdefault(connection, now) < PLANS_GOOD_FOR_S:
            return False
        self._made[connection] = now
        return True


class ReplanningPool(ConnectionPool[Connection[TupleRow]]):
    """Hands out connections that are open and whose plans are not old."""

    def getconn(self, timeout: float | None = None) -> Connection[TupleRow]:
        """A connection that the server has not closed while it was idle."""
        while _hung_up(connection := super().getconn(timeout)):
            connection.close()
            self.putconn(connection)
        return connection

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Connection[TupleRow]]:
        """A connection of the pool."""
        with super().connection(timeout) as connection:
            if _plans.are_old(connection):
                connection.execute("DISCARD PLANS", prepare=False)
            yield connection


class AsyncReplanningPool(AsyncConnectionPool[AsyncConnection[TupleRow]]):
    """The same for the event loop."""

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[TupleRow]:  # noqa: ASYNC109 - the base class has it
        """A connection that the server has not closed while it was idle."""
        while _hung_up(connection := await super().getconn(timeout)):
            await connection.close()
            await self.putconn(connection)
        return connection

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncIterator[AsyncConnection[TupleRow]]:  # noqa: ASYNC109 - the base class has it
        """A connection of the pool."""
        async with super().connection(timeout) as connection:
            if _plans.are_old(connection):
                await connection.execute("DISCARD PLANS", prepare=False)
            yield connection


_plans = _Plans()


def _hung_up(connection: Connection[TupleRow] | AsyncConnection[TupleRow]) -> bool:
    """Whether there is something to read although nothing was asked: the server's farewell. Costs no round trip."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def reachable(conninfo: str) -> dict[str, Any]:
    """Limits after which a remote server that has vanished without a word is given up; what the address says itself holds."""
    told = psycopg.conninfo.conninfo_to_dict(conninfo)
    return {name: value for name, value in PATIENCE.items() if name not in told}


def sync_pool(conninfo: str, *, size: int, name: str) -> ConnectionPool[Connection[TupleRow]]:
    """A pool of autocommit connections for threads. Not opened yet; reconnects by itself."""
    return ReplanningPool(
        conninfo,
        connection_class=CommandConnection,
        min_size=1,
        max_size=size,
        open=False,
        name=name,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=RECONNECT_S,
        kwargs={"autocommit": True, "options": COMMAND_SETTINGS, "application_name": name, **reachable(conninfo)},
        check=None,
    )


def async_pool(conninfo: str, *, size: int, name: str) -> AsyncConnectionPool[AsyncConnection[TupleRow]]:
    """A pool of autocommit connections for the event loop. Not opened yet; reconnects by itself."""
    return AsyncReplanningPool(
        conninfo,
        min_size=1,
        max_size=size,
        open=False,
        name=name,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=RECONNECT_S,
        kwargs={"autocommit": True, "options": SETTINGS, "application_name": name, "prepare_threshold": 2, **reachable(conninfo)},
    )


_GIVE_UP = "DO 'BEGIN RAISE ''given up by the client'' USING ERRCODE = ''NC003''; END'"


@contextmanager
def one_message(connection: Connection[TupleRow], *, fetches: bool) -> Iterator[None]:
    """A transaction whose statements leave together, as far as nothing is fetched in between.

    Without a fetch it needs no BEGIN and COMMIT: what a pipeline sends before its end is one transaction to PostgreSQL.
    psycopg's own transaction() waits for the answers to BEGIN and to what comes before COMMIT.
    """
    # The connection keeps to a pipeline that it has.
    connection._pipeline = Envelope(connection)  # noqa: SLF001 - the driver offers no other place to choose it
    if not fetches:
        with connection.pipeline():
            try:
                yield
            except BaseException:
                # The end of a pipeline commits what was queued before; an error in it takes everything back.
                connection.execute(_GIVE_UP)
                raise
        return
    try:
        with connection.pipeline():
            connection.execute("BEGIN")
            yield
            connection.execute("COMMIT")
    except BaseException:
        if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
            connection.execute("ROLLBACK")
        raise


_rollbacks = count()


def forget_prepared(connection: Connection[TupleRow]) -> None:
    """Makes a connection usable whose pipeline was aborted.

    The server has skipped the rest of the pipeline, while the driver goes on believing that what was to be prepared there is.
    After a ROLLBACK it believes nothing any more, but it looks at the outcome of statements only that it has not counted yet:
    hence the number.
    """
    with suppress(psycopg.Error):
        if not connection.closed:
            connection.execute(f"ROLLBACK /* {next(_rollbacks)} */".encode(), prepare=False)
            return
    connection.close()


def connection_lost(error: psycopg.OperationalError) -> bool:
    """Whether the server may have carried out what was sent last: the connection broke before it answered."""
    if isinstance(error, PoolTimeout | PoolClosed | TooManyRequests):
        return False
    state = error.sqlstate
    return state is None or state[:2] == "08" or state in _GOING_AWAY


def passing(error: psycopg.OperationalError) -> bool:
    """Whether a moment later the same may succeed: a lost connection, a deadlock. Not a full disk, not a full pool."""
    return connection_lost(error) or error.sqlstate in _TRY_AGAIN


def reading(pool: ConnectionPool[Connection[TupleRow]], read: Callable[[Connection[TupleRow]], T]) -> T:
    """Runs a read, and once more when its connection turns out to be one that the server has closed meanwhile."""
    try:
        with pool.connection() as connection:
            return read(connection)
    except psycopg.OperationalError as error:
        if not connection_lost(error):
            raise
    pool.check()
    with pool.connection() as connection:
        return read(connection)


_GOING_AWAY = {"57P01", "57P02", "57P03"}
"""admin_shutdown, crash_shutdown, cannot_connect_now"""
_TRY_AGAIN = {"40001", "40P01"}
"""serialization_failure, deadlock_detected"""
