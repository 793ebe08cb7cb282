"""Connections to PostgreSQL: one pool for commands and followers (threads), one for reads (the event loop)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from time import monotonic
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from eventsourcing import persistence
from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

T = TypeVar("T")

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


class _Plans:
    """When each connection's plans were made."""

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[object, float] = WeakKeyDictionary()

    def made(self, connection: object) -> float:
        """When that was, for a connection that was asked about before."""
        return self._made[connection]

    def are_old(self, connection: object) -> bool:
        """Whether they are to be discarded now; then they count as made now."""
        now = monotonic()
        if now - self._made.setdefault(connection, now) < PLANS_GOOD_FOR_S:
            return False
        self._made[connection] = now
        return True


class _Warm(deque[T]):
    """Idle connections, of which the pool takes the one that was used last: the database's process behind it has everything at hand.

    Taken in turn, as the library does, they made a write a tenth slower.
    """

    def popleft(self) -> T:
        """The one that was put back last."""
        return self.pop()


class _Thread(threading.local):
    """What a thread has of a pool."""

    kept: _Kept | None = None


class ReplanningPool(ConnectionPool[Connection[TupleRow]]):
    """Hands out connections that are open and whose plans are not old, the one used last first."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pool = _Warm(self._pool)
        self._thread = _Thread()

    def getconn(self, timeout: float | None = None) -> Connection[TupleRow]:
        """A connection that the server has not closed while it was idle."""
        while _hung_up(connection := super().getconn(timeout)):
            connection.close()
            self.putconn(connection)
        return connection

    def connection(self, timeout: float | None = None) -> AbstractContextManager[Connection[TupleRow]]:  # type: ignore[override]
        """A connection of the pool."""
        kept = self._thread.kept
        return _Lent(self, timeout) if kept is None or kept.in_use else kept

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """In this, the thread keeps a connection from one use to the next, for as long as that one's plans are good.

        Threads that carry out one command after the other would else meet at the pool's lock several times for each.
        """
        kept = self._thread.kept = _Kept(self)
        try:
            yield
        finally:
            self._thread.kept = None
            kept.give_back()

    def fresh(self, timeout: float | None) -> Connection[TupleRow]:
        """A connection that is open and whose plans are not old."""
        connection = self.getconn(timeout)
        if _plans.are_old(connection):
            try:
                connection.execute("DISCARD PLANS", prepare=False)
            except BaseException:
                self.putconn(connection)
                raise
        return connection


class _Lent:
    """A connection while it is used. The library's own context costs as much as a statement."""

    __slots__ = ("_connection", "_pool", "_timeout")

    def __init__(self, pool: ReplanningPool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout

    def __enter__(self) -> Connection[TupleRow]:
        connection = self._connection = self._pool.fresh(self._timeout)
        return connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # What is left of a transaction is rolled back there.
        self._pool.putconn(self._connection)


class _Kept:
    """A connection that a thread keeps, each time it is used."""

    __slots__ = ("_connection", "_planned", "_pool", "in_use")

    def __init__(self, pool: ReplanningPool) -> None:
        self._pool = pool
        self._connection: Connection[TupleRow] | None = None
        self._planned = 0.0
        """When its plans were made."""
        self.in_use = False

    def __enter__(self) -> Connection[TupleRow]:
        connection = self._connection
        if connection is None or monotonic() - self._planned >= PLANS_GOOD_FOR_S or _hung_up(connection):
            self.give_back()
            connection = self._connection = self._pool.fresh(None)
            self._planned = _plans.made(connection)
        self.in_use = True
        return connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.in_use = False
        connection = self._connection
        if connection is not None and connection.pgconn.transaction_status != TransactionStatus.IDLE:
            self.give_back()

    def give_back(self) -> None:
        """Nothing is kept any more."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.putconn(connection)


class AsyncReplanningPool(AsyncConnectionPool[AsyncConnection[TupleRow]]):
    """The same for the event loop."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pool = _Warm(self._pool)

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[TupleRow]:  # noqa: ASYNC109 - the base class has it
        """A connection that the server has not closed while it was idle."""
        while _hung_up(connection := await super().getconn(timeout)):
            await connection.close()
            await self.putconn(connection)
        return connection

    def connection(self, timeout: float | None = None) -> AbstractAsyncContextManager[AsyncConnection[TupleRow]]:  # type: ignore[override]
        """A connection of the pool."""
        return _LentSoon(self, timeout)


class _LentSoon:
    """The same on the event loop."""

    __slots__ = ("_connection", "_pool", "_timeout")

    def __init__(self, pool: AsyncReplanningPool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout

    async def __aenter__(self) -> AsyncConnection[TupleRow]:
        connection = self._connection = await self._pool.getconn(self._timeout)
        if _plans.are_old(connection):
            try:
                await connection.execute("DISCARD PLANS", prepare=False)
            except BaseException:
                await self._pool.putconn(connection)
                raise
        return connection

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._pool.putconn(self._connection)


_plans = _Plans()


def _hung_up(connection: Connection[TupleRow] | AsyncConnection[TupleRow]) -> bool:
    """Whether the server has closed the connection. Costs no round trip, and asks without letting other threads go first."""
    try:
        # What is read first may be the server's farewell, and only behind it the end.
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return False


def reachable(conninfo: str) -> dict[str, Any]:
    """Limits after which a remote server that has vanished without a word is given up; what the address says itself holds."""
    told = psycopg.conninfo.conninfo_to_dict(conninfo)
    return {name: value for name, value in PATIENCE.items() if name not in told}


UNPREPARED: dict[str, Any] = {"prepare_threshold": None}
"""How connections are opened on which messages are sent (see eventstore/message.py): those prepare statements themselves."""


def sync_pool(conninfo: str, *, size: int, name: str) -> ReplanningPool:
    """A pool of autocommit connections for threads. Not opened yet; reconnects by itself."""
    return ReplanningPool(
        conninfo,
        min_size=1,
        max_size=size,
        open=False,
        name=name,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=RECONNECT_S,
        kwargs={
            "autocommit": True,
            "options": COMMAND_SETTINGS,
            "application_name": name,
            "prepare_threshold": None,
            **reachable(conninfo),
        },
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
        kwargs={"autocommit": True, "options": SETTINGS, "application_name": name, **UNPREPARED, **reachable(conninfo)},
    )


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
