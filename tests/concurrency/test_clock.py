"""A clock that jumps: times inside a stream go on rising, and nobody waits for a time that the clock had by mistake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from commands.accounts.aggregate import Account
from commands.accounts.proofs import WRONG_LOGINS
from eventstore.allowances import Allowances
from eventstore.database import async_pool
from eventstore.events import accounts
from eventstore.jobs import find_job, finish_job, note_progress, queueing, recent_jobs, take_job
from eventstore.mails import Mail
from projections.health import health_now
from settings import Settings
from tests.accounts.people import Person
from wiring import Services

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOGIN = "/api/v1/auth/login/"
Jump = Callable[..., None]
WRONG_LOGIN = {"email": "nobody@example.org", "password": "wrong"}


@pytest.fixture
def jump_back(settings: Settings) -> Jump:
    """Makes what a table holds look as if it had been written a year ahead, before somebody set the clock right."""

    def jump(table: str, *columns: str, by: str = "1 year") -> None:
        moved = ", ".join(f"{column} = {column} + %(by)s::interval" for column in columns)
        with psycopg.connect(settings.conninfo(), autocommit=True) as connection:
            connection.execute(f"UPDATE log.{table} SET {moved}".encode(), {"by": by})

    return jump


def test_times_of_a_stream_rise_when_the_clock_falls() -> None:
    account = Account("account-1")
    account.trigger(accounts.AccountRegistered, NOON, username="ada", email="ada@example.org", password_hash=None)
    for hours in (1, -5, 0, -5):
        account.trigger(accounts.UsernameChanged, NOON + timedelta(hours=hours), username=f"ada{hours}")
    times = [event.timestamp for event in account.pending]
    assert times == sorted(set(times))
    assert times[2] - times[1] == timedelta(microseconds=1)


def test_a_guard_that_closed_in_the_future_is_open(door: httpx.Client, jump_back: Jump) -> None:
    statuses = [door.post(LOGIN, json=WRONG_LOGIN).status_code for _ in range(WRONG_LOGINS.limit + 1)]
    assert statuses == [400] * WRONG_LOGINS.limit + [429]
    jump_back("guards", "ends_at")
    assert door.post(LOGIN, json=WRONG_LOGIN).status_code == 400
    # It counts anew, and closes again.
    assert door.post(LOGIN, json=WRONG_LOGIN).status_code == 400
    assert {door.post(LOGIN, json=WRONG_LOGIN).status_code for _ in range(WRONG_LOGINS.limit)} == {400, 429}


def test_a_code_that_was_issued_in_the_future_does_not_hinder_a_new_one(door: httpx.Client, person: Person, jump_back: Jump) -> None:
    send = "/api/v1/auth/send-identity-code/"
    assert [door.post(send, headers=person.headers).status_code for _ in range(2)] == [200, 429]
    jump_back("codes", "issued_at", "expires_at")
    assert [door.post(send, headers=person.headers).status_code for _ in range(2)] == [200, 429]


def test_a_mail_that_was_postponed_in_the_future_is_delivered(services: Services, person: Person, jump_back: Jump) -> None:
    while services.mails.lease() is not None:
        pass
    services.mails.queue(person.account_id, Mail("ada@example.org", "subject", "text"))
    jump_back("mails", "due_at", by="30 minutes")
    assert services.mails.lease() is None
    jump_back("mails", "due_at")
    leased = services.mails.lease()
    assert leased is not None
    assert leased.mail == Mail("ada@example.org", "subject", "text")


async def _spent(conninfo: str, seconds: float) -> float:
    async with async_pool(conninfo, size=1, name="test") as pool:
        return (await Allowances(pool).spend({"somebody": seconds}))["somebody"]


async def test_requests_of_the_future_are_not_owed(settings: Settings, services: Services, jump_back: Jump) -> None:
    assert await _spent(settings.conninfo(), 20) == pytest.approx(20, abs=1)
    assert await _spent(settings.conninfo(), 20) == pytest.approx(40, abs=2)
    jump_back("allowances", "spent_until")
    assert await _spent(settings.conninfo(), 20) == pytest.approx(20, abs=1)


def test_a_job_that_was_last_seen_in_the_future_is_told_as_lost(settings: Settings, services: Services, jump_back: Jump) -> None:
    statement = queueing("job-clock", "verify", "notes")
    with psycopg.connect(settings.conninfo(), autocommit=True) as connection:
        connection.execute(statement.sql.encode(), statement.params)
    jump_back("jobs", "asked_at")
    job = take_job(services.thread_pool)
    assert job is not None
    assert not job.lost
    jump_back("jobs", "seen_at")
    lost = find_job(services.thread_pool, job.id)
    assert lost is not None
    assert lost.lost
    # Whoever still does it is seen again, and finishes it.
    note_progress(services.thread_pool, job.id, "replaying", 1, 2, 1.0)
    assert [found.lost for found in recent_jobs(services.thread_pool)] == [False]
    finish_job(services.thread_pool, job.id, "well", failed=False)
    jump_back("jobs", "asked_at", "seen_at", "finished_at")
    assert [(found.lost, found.percent) for found in recent_jobs(services.thread_pool)] == [(False, 100)]
    assert take_job(services.thread_pool) is None


def test_a_sign_of_life_from_the_future_is_none(settings: Settings, services: Services, jump_back: Jump) -> None:
    with psycopg.connect(settings.conninfo()) as connection:
        connection.execute("UPDATE log.projections SET ticked_at = now()")
        connection.execute("UPDATE log.reactors SET ticked_at = now()")
        assert health_now(connection).well
        connection.execute("UPDATE log.reactors SET ticked_at = now() + interval '1 hour'")
        connection.execute("DELETE FROM log.mails")
        connection.execute("INSERT INTO log.mails (account_id, content, created_at) VALUES (1, '', now() + interval '1 hour')")
        found = health_now(connection)
        connection.rollback()
    assert not found.well
    assert all(follower.silent_s >= 0 for follower in found.followers)
    assert found.oldest_mail_s == 0
