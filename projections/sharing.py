"""Work that several connections share out among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from psycopg import Connection
from psycopg.rows import TupleRow

T = TypeVar("T")


def share_out(items: Iterable[T], connections: Sequence[Connection[TupleRow]], work: Callable[[T, Connection[TupleRow]], None]) -> None:
    """Does the work for each item, in order, on whichever connection is free: the database has its part to do of one while the next
    is begun. After an error no further item is begun, and the error is raised once nothing is under way any more.
    """
    waiting = deque(items)

    def take(connection: Connection[TupleRow]) -> None:
        while True:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            try:
                work(item, connection)
            except BaseException:
                waiting.clear()
                raise

    with ThreadPoolExecutor(len(connections), "sharing") as threads:
        try:
            for done in [threads.submit(take, connection) for connection in connections]:
                done.result()
        finally:
            waiting.clear()
