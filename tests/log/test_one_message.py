"""The statements of a transaction leave together."""

from __future__ import annotations

import time

import psycopg
import pytest
from psycopg.rows import TupleRow

from eventstore.database import one_message
from tests.log.clusters import Pool


def _last_query(other: psycopg.Connection[TupleRow], pid: int) -> str:
    time.sleep(0.1)
    row = other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("fetches", [False, True])
def test_nothing_is_sent_before_the_end(pool: Pool, log_url: str, fetches: bool) -> None:
    with pool.connection() as connection, psycopg.connect(log_url, autocommit=True) as other:
        connection.execute("SELECT 'before'")
        pid = connection.info.backend_pid
        with one_message(connection, fetches=fetches):
            first = connection.execute("SELECT 'one'")
            second = connection.execute("SELECT 'two'")
            assert "before" in _last_query(other, pid)
        assert (first.fetchone(), second.fetchone()) == (("one",), ("two",))


def test_what_is_fetched_is_sent(pool: Pool) -> None:
    with pool.connection() as connection, one_message(connection, fetches=True):
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with connection.pipeline():
            inner = connection.execute("SELECT 2")
        assert inner.fetchone() == (2,)
        assert connection.execute("SELECT 3").fetchone() == (3,)
    assert connection.execute("SELECT 4").fetchone() == (4,)


def _twice(connection: psycopg.Connection[TupleRow], *, fetches: bool) -> None:
    with one_message(connection, fetches=fetches):
        connection.execute("INSERT INTO kept VALUES (1)")
        connection.execute("INSERT INTO kept VALUES (1)")


def _half(connection: psycopg.Connection[TupleRow], *, fetches: bool) -> None:
    with one_message(connection, fetches=fetches):
        connection.execute("INSERT INTO kept VALUES (2)")
        raise KeyError


@pytest.mark.parametrize("fetches", [False, True])
def test_an_error_takes_everything_back(pool: Pool, fetches: bool) -> None:
    with pool.connection() as connection:
        connection.execute("CREATE TABLE kept (n int PRIMARY KEY)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            _twice(connection, fetches=fetches)
        with pytest.raises(KeyError):
            _half(connection, fetches=fetches)
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
