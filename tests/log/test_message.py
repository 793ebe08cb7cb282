"""The statements of a transaction leave together."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from itertools import product
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from eventstore import exchange
from eventstore.database import connection_lost
from eventstore.exchange import Exchange, Known
from eventstore.message import Asked, Message, ask
from tests.log.clusters import Pool

VALUES: dict[bytes, tuple[Any, ...]] = {
    b"int": (1, 70_000),
    b"bigint": (5_000_000_000, None),
    b"text": ("a \u20ac %", ""),
    b"bytea": (b"\x00\xff",),
    b"bool": (True, False),
    b"timestamptz": (datetime(2026, 1, 2, tzinfo=UTC),),
    b"int[]": ([1, None], []),
    b"text[]": (["x", "y,"],),
}


def _last_query(other: psycopg.Connection[TupleRow], pid: int) -> str:
    time.sleep(0.1)
    row = other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
    assert row is not None
    return str(row[0])


def test_nothing_is_sent_before_the_end(pool: Pool, log_url: str) -> None:
    with pool.connection() as connection, psycopg.connect(log_url, autocommit=True) as other:
        connection.execute("SELECT 'before'")
        pid = connection.info.backend_pid
        with Message(connection) as message:
            first = message.execute(b"SELECT 'one'")
            second = message.execute(b"SELECT 'two'")
            assert "before" in _last_query(other, pid)
        assert (first.fetchone(), second.fetchall()) == (("one",), [("two",)])


def test_what_is_asked_for_is_sent_and_the_transaction_goes_on(pool: Pool, log_url: str) -> None:
    with pool.connection() as connection, psycopg.connect(log_url, autocommit=True) as other:
        connection.execute("CREATE TABLE kept (n int PRIMARY KEY)")
        with Message(connection) as message:
            message.execute(b"INSERT INTO kept VALUES (1)")
            assert message.execute(b"SELECT count(*) FROM kept").fetchone() == (1,)
            message.execute(b"INSERT INTO kept VALUES (2)")
            assert other.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert other.execute("SELECT count(*) FROM kept").fetchone() == (2,)


def test_inside_of_a_transaction_of_the_caller_it_begins_and_ends_none(pool: Pool, log_url: str) -> None:
    with pool.connection() as connection, psycopg.connect(log_url, autocommit=True) as other:
        connection.execute("CREATE TABLE kept (n int PRIMARY KEY)")
        with connection.transaction():
            with Message(connection) as message:
                message.execute(b"INSERT INTO kept VALUES (1)")
                assert message.execute(b"SELECT 1").fetchone() == (1,)
            assert other.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert other.execute("SELECT count(*) FROM kept").fetchone() == (1,)


def _twice(connection: psycopg.Connection[TupleRow], *, reads: bool) -> None:
    with Message(connection) as message:
        message.execute(b"INSERT INTO kept VALUES (1)")
        if reads:
            message.send()
        message.execute(b"INSERT INTO kept VALUES (1)")
        message.execute(b"INSERT INTO kept VALUES (3)")


def _half(connection: psycopg.Connection[TupleRow], *, reads: bool) -> None:
    with Message(connection) as message:
        message.execute(b"INSERT INTO kept VALUES (2)")
        if reads:
            message.send()
        raise KeyError


@pytest.mark.parametrize("reads", [False, True])
def test_an_error_takes_everything_back(pool: Pool, reads: bool) -> None:
    with pool.connection() as connection:
        connection.execute("CREATE TABLE kept (n int PRIMARY KEY)")
        for _ in range(3):
            with pytest.raises(psycopg.errors.UniqueViolation) as refused:
                _twice(connection, reads=reads)
            assert refused.value.diag.constraint_name == "kept_pkey"
            with pytest.raises(KeyError):
                _half(connection, reads=reads)
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_values_arrive_as_they_were_sent(pool: Pool) -> None:
    expected = [(value, "100 %") for values in VALUES.values() for value in values]
    with pool.connection() as connection:
        for _ in range(2):
            with Message(connection) as message:
                answers = [
                    message.execute(b"SELECT %s::" + kind + b", '100 %%'", (value,)) for kind, values in VALUES.items() for value in values
                ]
                named = message.execute(
                    b"SELECT %(b)s::int, %(a-z)s::text, %(b)s::int, %(c)b::text[]", {"a-z": "x", "b": 2, "c": ["y"], "d": 1}
                )
            assert [answer.fetchone() for answer in answers] == expected
            assert named.fetchone() == (2, "x", 2, ["y"])


def test_a_value_that_cannot_be_held_is_refused_before_anything_is_sent(pool: Pool) -> None:
    def send(connection: psycopg.Connection[TupleRow]) -> None:
        with Message(connection) as message:
            message.execute(b"SELECT 1")
            message.execute(b"SELECT %s", ("a\x00b",))

    with pool.connection() as connection:
        with pytest.raises(psycopg.DataError):
            send(connection)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_much_goes_both_ways_at_once(pool: Pool) -> None:
    text = "x" * 3_000_000
    with pool.connection() as connection:
        with Message(connection) as message:
            answers = [message.execute(b"SELECT %s::text", (text,)) for _ in range(5)]
        assert [answer.fetchone() for answer in answers] == [(text,)] * 5


def _sleep(connection: psycopg.Connection[TupleRow], *, reads: bool) -> None:
    with Message(connection) as message:
        if reads:
            assert message.execute(b"SELECT 1").fetchone() == (1,)
        message.execute(b"SELECT pg_sleep(5)")
        message.execute(b"SELECT 1")


@pytest.mark.parametrize("reads", [False, True])
def test_a_lost_connection_is_told_as_such(pool: Pool, log_url: str, reads: bool) -> None:
    with pool.connection() as connection, psycopg.connect(log_url, autocommit=True) as other:
        pid = connection.info.backend_pid
        ending = threading.Timer(0.3, other.execute, ("SELECT pg_terminate_backend(%s)", (pid,)))
        ending.start()
        with pytest.raises(psycopg.OperationalError) as lost:
            _sleep(connection, reads=reads)
        ending.join()
        assert connection_lost(lost.value)
        assert connection.closed


def test_a_connection_that_broke_off_while_sending_is_not_used_again(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason: what it would answer next belongs to nobody."""
    with pool.connection() as connection:
        with monkeypatch.context() as patched:
            patched.setattr(Known, "take", property(lambda _: pytest.fail("stopped while it is sent")))
            with pytest.raises(pytest.fail.Exception, match="stopped"):
                ask(connection, b"SELECT 1, 'never asked before'")
        assert connection.closed


def test_a_question_that_is_answered_while_it_is_sent_is_fetched(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = Exchange.go_on

    def all_at_once(exchange: Exchange) -> int:
        while go_on(exchange):
            time.sleep(0.01)
        return 0

    with pool.connection() as connection:
        with monkeypatch.context() as patched:
            patched.setattr(Exchange, "go_on", all_at_once)
            asked = Asked(connection, b"SELECT 'soon'")
        assert asked.fetchall() == [("soon",)]
        assert ask(connection, b"SELECT 'later'").fetchone() == ("later",)


def test_statements_that_were_discarded_are_prepared_again(pool: Pool) -> None:
    with pool.connection() as connection:
        for _ in range(2):
            assert ask(connection, b"SELECT 1").fetchone() == (1,)
            connection.execute("DEALLOCATE ALL")


def _divide(connection: psycopg.Connection[TupleRow], number: int) -> None:
    with Message(connection) as message:
        message.execute(b"SELECT %d" % number)
        message.execute(b"SELECT 1 / 0")


def _prepared(connection: psycopg.Connection[TupleRow]) -> int:
    row = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert row is not None
    return int(row[0])


def test_what_was_not_used_for_long_is_no_longer_prepared(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PREPARED", 10)
    numbers = (None, 1, 70_000, 5_000_000_000)
    with pool.connection() as connection:
        for values in product(numbers, repeat=3):
            with Message(connection) as message:
                answers = [message.execute(b"SELECT 'often'"), message.execute(b"SELECT %s::bigint, %s::bigint, %s::bigint", values)]
            assert [answer.fetchone() for answer in answers] == [("often",), values]
        assert _prepared(connection) == 10
        row = connection.execute("SELECT count(*) FROM pg_prepared_statements WHERE name = 'message0' AND statement ~ 'often'").fetchone()
        assert row == (1,)


def test_a_message_that_fails_loses_no_statement_out_of_sight(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PREPARED", 3)
    with pool.connection() as connection:
        for number in range(9):
            with pytest.raises(psycopg.errors.DivisionByZero):
                _divide(connection, number)
            assert ask(connection, b"SELECT 'well %d'" % number).fetchone() == (f"well {number}",)
        assert _prepared(connection) == 3


def test_what_occurs_twice_in_a_message_is_prepared_once(pool: Pool) -> None:
    with pool.connection() as connection:
        with Message(connection) as message:
            answers = [message.execute(b"SELECT %s::int", (number,)) for number in range(5)]
        assert [answer.fetchone() for answer in answers] == [(number,) for number in range(5)]
        assert _prepared(connection) == 1


def test_a_rollback_by_the_driver_leaves_what_is_prepared(pool: Pool) -> None:
    with pool.connection() as connection:
        for _ in range(2):
            with connection.transaction(force_rollback=True):
                for _ in range(10):
                    connection.execute("SELECT 2")
                assert ask(connection, b"SELECT 1").fetchone() == (1,)


def test_statements_that_were_discarded_are_prepared_again_inside_of_a_transaction_that_begins(pool: Pool) -> None:
    with pool.connection() as connection:
        ask(connection, b"SELECT %s::int", (1,))
        connection.execute("DEALLOCATE ALL")
        with Message(connection) as message:
            assert message.execute(b"SELECT %s::int", (3,)).fetchone() == (3,)
            status = connection.info.transaction_status
        assert (status, connection.info.transaction_status) == (TransactionStatus.INTRANS, TransactionStatus.IDLE)


def test_what_the_commit_refuses_is_told_as_what_it_is(pool: Pool) -> None:
    with pool.connection() as connection:
        connection.execute("CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            ask(connection, b"INSERT INTO once VALUES (1), (1)")
        assert ask(connection, b"SELECT count(*) FROM once").fetchone() == (0,)
