"""Connections to PostgreSQL: one pool for commands and followers (threads), one for reads (the event loop)."""

from __future__ import annotations

from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, ConnectionPool

CONNECT_TIMEOUT_S = 5.0
"""How long a request waits for a free connection before it is answered with 503."""

RECONNECT_S = 2.0
"""How long one attempt to connect is repeated. Its pauses double each time, so that after a minute's outage the next try was
another minute away; given up early, the attempt is made anew by the next request."""

SETTINGS = "-c jit=off -c client_min_messages=warning"


def sync_pool(conninfo: str, *, size: int, name: str) -> ConnectionPool[Connection[TupleRow]]:
    """A pool of autocommit connections for threads. Not opened yet; reconnects by itself."""
    return ConnectionPool(
        conninfo,
        min_size=1,
        max_size=size,
        open=False,
        name=name,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=RECONNECT_S,
        kwargs={"autocommit": True, "options": SETTINGS, "application_name": name},
        check=None,
    )


def async_pool(conninfo: str, *, size: int, name: str) -> AsyncConnectionPool[AsyncConnection[TupleRow]]:
    """A pool of autocommit connections for the event loop. Not opened yet; reconnects by itself."""
    return AsyncConnectionPool(
        conninfo,
        min_size=1,
        max_size=size,
        open=False,
        name=name,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=RECONNECT_S,
        kwargs={"autocommit": True, "options": SETTINGS, "application_name": name, "prepare_threshold": 2},
    )
