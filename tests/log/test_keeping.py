"""Threads that keep a connection from one use to the next."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from eventstore import database
from eventstore.database import ReplanningPool, sync_pool
from tests.log.test_connections import hang_up


@pytest.fixture
def shared(log_url: str) -> Iterator[ReplanningPool]:
    """A pool of two connections."""
    with sync_pool(log_url, size=2, name="tests") as pool:
        pool.wait()
        yield pool


def used(pool: ReplanningPool) -> Connection[TupleRow]:
    with pool.connection() as connection:
        assert connection.execute("SELECT 1", prepare=False).fetchone() == (1,)
    return connection


def free(pool: ReplanningPool) -> int:
    return pool.get_stats()["pool_available"]


def test_it_is_lent_again_and_given_back_at_the_end(shared: ReplanningPool) -> None:
    with shared.keeping():
        first = used(shared)
        assert free(shared) == 0
        assert used(shared) is used(shared) is first
    assert free(shared) == 1
    assert used(shared) is first
    assert free(shared) == 1


def test_who_needs_two_at_once_has_two(shared: ReplanningPool) -> None:
    with shared.keeping():
        kept = used(shared)
        with shared.connection() as one, shared.connection() as two:
            assert one is kept
            assert two is not kept
        assert free(shared) == 1
        assert used(shared) is kept


def test_other_threads_keep_their_own(shared: ReplanningPool) -> None:
    found = []
    with shared.keeping():
        kept = used(shared)
        thread = Thread(target=lambda: found.append(used(shared)))
        thread.start()
        thread.join()
        assert found[0] is not kept
        assert free(shared) == 1


def test_what_is_left_of_a_transaction_is_taken_back(shared: ReplanningPool) -> None:
    with shared.keeping():
        with shared.connection() as connection:
            connection.execute("CREATE TABLE left_over ()", prepare=False)
            connection.execute("BEGIN", prepare=False)
            connection.execute("INSERT INTO left_over DEFAULT VALUES", prepare=False)
        with shared.connection() as connection:
            assert connection.execute("SELECT count(*) FROM left_over", prepare=False).fetchone() == (0,)
            connection.execute("DROP TABLE left_over", prepare=False)


def test_one_that_the_server_has_closed_is_not_used_again(shared: ReplanningPool, log_url: str) -> None:
    with shared.keeping():
        for _ in range(3):
            kept = used(shared)
            hang_up(log_url)
            assert used(shared) is not kept


def test_one_that_broke_in_use_is_not_kept(shared: ReplanningPool) -> None:
    with shared.keeping():
        with pytest.raises(psycopg.OperationalError), shared.connection() as broken:
            broken.execute("SELECT pg_terminate_backend(pg_backend_pid())", prepare=False)
        assert used(shared) is not broken


def test_it_goes_back_to_the_pool_once_its_plans_are_old(shared: ReplanningPool, monkeypatch: pytest.MonkeyPatch) -> None:
    # The pool renews what has served long enough.
    with shared.keeping():
        kept = used(shared)
        monkeypatch.setattr(database, "PLANS_GOOD_FOR_S", 0.0)
        returned: list[Connection[TupleRow]] = []
        give_back = shared.putconn

        def watched(connection: Connection[TupleRow]) -> None:
            returned.append(connection)
            give_back(connection)

        monkeypatch.setattr(shared, "putconn", watched)
        used(shared)
        assert returned == [kept]
