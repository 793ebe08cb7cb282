"""What the pools promise: connections that are open, plans that are not old, and threads that wait without spinning."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.rows import TupleRow

from eventstore import database
from eventstore.database import async_pool, sync_pool
from eventstore.message import Message, ask, ask_soon
from tests.log.clusters import Pool

MIB = 2**20
HANG_UP = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tests' AND pid <> pg_backend_pid()"
ASKED = "SELECT a FROM planned WHERE a = %s"


def hang_up(url: str) -> None:
    """The server ends all connections of the pools, as it does when it is started anew."""
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute(HANG_UP).fetchall()
    time.sleep(0.05)


def test_closed_connections_are_not_handed_out(pool: Pool, log_url: str) -> None:
    for _ in range(3):
        with pool.connection() as one, pool.connection() as two:
            assert one.execute("SELECT 1").fetchone() == two.execute("SELECT 1").fetchone() == (1,)
        hang_up(log_url)
    with pool.connection() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


async def test_closed_connections_are_not_handed_out_on_the_event_loop(log_url: str) -> None:
    async with async_pool(log_url, size=2, name="tests") as pool:
        for _ in range(3):
            async with pool.connection() as one, pool.connection() as two:
                assert await (await one.execute("SELECT 1")).fetchone() == await (await two.execute("SELECT 1")).fetchone() == (1,)
            hang_up(log_url)
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


@pytest.fixture
def planned(log_url: str) -> Iterator[str]:
    """A table with an index that plans may or may not use."""
    with psycopg.connect(log_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE planned (a int PRIMARY KEY); INSERT INTO planned SELECT generate_series(1, 5000); ANALYZE planned")
    yield log_url
    with psycopg.connect(log_url, autocommit=True) as connection:
        connection.execute("DROP TABLE planned")


WITHOUT_INDEX = "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off"
WITH_INDEX = "RESET enable_indexscan; RESET enable_indexonlyscan; RESET enable_bitmapscan"
PLAN = "EXPLAIN EXECUTE asked(7)"
"""A plan is kept whatever the settings become; which one it is tells when it was made."""
PREPARED = "PREPARE asked (int) AS SELECT a FROM planned WHERE a = $1"


def test_plans_are_made_anew_once_they_are_old(planned: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with sync_pool(planned, size=1, name="tests") as pool:

        def plan() -> str:
            with pool.connection() as connection:
                return str(connection.execute(PLAN, prepare=False).fetchall())

        with pool.connection() as connection:
            connection.execute(WITHOUT_INDEX, prepare=False)
            connection.execute(PREPARED, prepare=False)
            assert "Seq Scan" in str(connection.execute(PLAN, prepare=False).fetchall())
            connection.execute(WITH_INDEX, prepare=False)
        assert "Seq Scan" in plan()
        monkeypatch.setattr(database, "PLANS_GOOD_FOR_S", 0.0)
        assert "Index" in plan()


async def test_plans_are_made_anew_on_the_event_loop(planned: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with async_pool(planned, size=1, name="tests") as pool:

        async def plan() -> str:
            async with pool.connection() as connection:
                return str(await (await connection.execute(PLAN, prepare=False)).fetchall())

        async with pool.connection() as connection:
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            for setting in WITHOUT_INDEX.split(";"):
                await connection.execute(setting.encode(), prepare=False)
            await connection.execute(PREPARED, prepare=False)
            assert "Seq Scan" in str(await (await connection.execute(PLAN, prepare=False)).fetchall())
            for setting in WITH_INDEX.split(";"):
                await connection.execute(setting.encode(), prepare=False)
        assert "Seq Scan" in await plan()
        monkeypatch.setattr(database, "PLANS_GOOD_FOR_S", 0.0)
        assert "Index" in await plan()


def test_commands_plan_their_statements_once(planned: str) -> None:
    with sync_pool(planned, size=1, name="tests") as pool, pool.connection() as connection:
        for number in range(10):
            assert ask(connection, ASKED.encode(), (number + 1,)).fetchone() == (number + 1,)
        row = connection.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%planned%'"
        ).fetchone()
    assert row is not None
    generic, custom = row
    assert generic > 0
    assert custom == 0


def test_more_than_the_network_holds_goes_both_ways(pool: Pool) -> None:
    """Whoever only writes, while the other side only writes as well, waits for ever."""
    text = "x" * MIB
    with pool.connection() as connection:
        with Message(connection) as message:
            answers = [message.execute(b"SELECT %s || %s", (text, str(number))) for number in range(60)]
        assert [answer.fetchone() for answer in answers] == [(f"{text}{number}",) for number in range(60)]


async def test_more_than_the_network_holds_comes_on_the_event_loop(log_url: str) -> None:
    text = "x" * 20 * MIB
    async with async_pool(log_url, size=1, name="tests") as pool, pool.connection() as connection:
        for _ in range(2):
            assert await ask_soon(connection, b"SELECT %s::text, 1", (text,)) == [(text, 1)]


def test_many_small_statements_leave_in_one_message(pool: Pool) -> None:
    with pool.connection() as connection:
        with Message(connection) as message:
            answers = [message.execute(b"SELECT %s::int", (number,)) for number in range(500)]
        assert [answer.fetchone() for answer in answers] == [(number,) for number in range(500)]


def test_waiting_for_the_server_costs_no_processor_time_and_keeps_no_thread_up(pool: Pool) -> None:
    def sleep() -> float:
        with pool.connection() as connection:
            began = time.thread_time()
            ask(connection, b"SELECT pg_sleep(1)")
            return time.thread_time() - began

    with ThreadPoolExecutor(1) as threads:
        sleeping = threads.submit(sleep)
        began, turns = time.monotonic(), 0
        while not sleeping.done():
            turns += 1
            time.sleep(0.01)
        assert time.monotonic() - began > 0.9
    assert sleeping.result() < 0.2
    assert turns > 20


def test_statement_that_takes_too_long_is_ended_and_the_connection_goes_on(pool: Pool) -> None:
    with pool.connection() as connection:
        connection.execute("SET statement_timeout = '100ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            ask(connection, b"SELECT pg_sleep(20)")
        connection.execute("RESET statement_timeout")
        assert ask(connection, b"SELECT 1").fetchone() == (1,)


async def test_question_that_nobody_waits_for_any_more_is_given_up(log_url: str) -> None:
    async with async_pool(log_url, size=1, name="tests") as pool:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), pool.connection() as connection:
                    await ask_soon(connection, b"SELECT pg_sleep(20)")
            async with pool.connection() as connection:
                running = await ask_soon(connection, b"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(20)'")
        assert running == [(0,)]


async def test_error_on_the_event_loop_leaves_a_connection_that_works(log_url: str) -> None:
    async with async_pool(log_url, size=1, name="tests") as pool, pool.connection() as connection:
        for _ in range(3):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await ask_soon(connection, b"SELECT 1 / %s::int", (0,))
            assert await ask_soon(connection, b"SELECT 3") == [(3,)]


async def test_statements_that_were_discarded_are_prepared_again_on_the_event_loop(log_url: str) -> None:
    async with async_pool(log_url, size=1, name="tests") as pool, pool.connection() as connection:
        for _ in range(3):
            assert await ask_soon(connection, b"SELECT 1") == [(1,)]
            await connection.execute("DEALLOCATE ALL")


def test_error_in_the_middle_leaves_a_connection_that_works(pool: Pool) -> None:
    def broken(connection: psycopg.Connection[TupleRow]) -> None:
        with Message(connection) as message:
            for _ in range(5):
                message.execute(b"SELECT 1")
            message.execute(b"SELECT 1 / 0")
            message.execute(b"SELECT 2")

    with pool.connection() as connection:
        for _ in range(3):
            with pytest.raises(psycopg.errors.DivisionByZero):
                broken(connection)
            assert connection.execute("SELECT 3").fetchone() == (3,)
