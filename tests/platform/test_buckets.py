"""The arithmetic of request limits, in several processes that share sums now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.buckets import CREDIT, Buckets, Policy

POLICY = Policy("account", 100, 60.0)


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class Sums:
    """What the database does, by hand."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.until: dict[str, float] = {}
        self.rounds = 0
        self.away = False

    async def spend(self, seconds: Mapping[str, float]) -> dict[str, float]:
        self.rounds += 1
        if self.away:
            raise psycopg.OperationalError("away")
        now = self.clock()
        for subject, spent in seconds.items():
            self.until[subject] = max(self.until.get(subject, now), now) + spent
        return {subject: self.until[subject] - now for subject in seconds}


async def _take(buckets: Buckets, cost: int = 1, subject: str = "a") -> float:
    return await buckets.take(buckets.of(subject, POLICY), cost)


async def test_quota_then_wait_then_one_more_per_unit() -> None:
    clock = Clock()
    buckets = Buckets(Sums(clock).spend, clock)
    assert [await _take(buckets) for _ in range(100)] == [0.0] * 100
    wait = await _take(buckets)
    assert wait == pytest.approx(0.6)
    clock.time += wait
    assert await _take(buckets) == 0.0
    assert await _take(buckets) > 0.0
    assert await _take(buckets, subject="b") == 0.0
    await buckets.close()


async def test_costly_requests_use_more_and_never_more_than_everything() -> None:
    clock = Clock()
    buckets = Buckets(Sums(clock).spend, clock)
    assert await _take(buckets, 60) == 0.0
    assert await _take(buckets, 60) == pytest.approx(12.0)
    assert buckets.of("a", POLICY).remaining(clock()) == 40
    assert await _take(buckets, 1000, subject="b") == 0.0
    await buckets.close()


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 2)), max_size=400))
def test_processes_together_never_serve_more_than_quota_and_their_credits(requests: list[tuple[int, float]]) -> None:
    async def run() -> None:
        clock = Clock()
        sums = Sums(clock)
        processes = [Buckets(sums.spend, clock) for _ in range(4)]
        began, served = clock.time, 0
        for process, pause in requests:
            clock.time += pause
            served += await _take(processes[process]) == 0.0
        for buckets in processes:
            await buckets.close()
        earned = POLICY.quota + (clock.time - began) / POLICY.unit_s
        assert served <= earned + len(processes) * (CREDIT * POLICY.quota + 1)

    asyncio.run(run())


async def test_few_rounds_for_many_requests() -> None:
    clock = Clock()
    sums = Sums(clock)
    buckets = Buckets(sums.spend, clock)
    for _ in range(100):
        await _take(buckets)
    assert sums.rounds <= 1 / CREDIT
    await buckets.close()


async def test_without_the_database_each_process_counts_alone() -> None:
    clock = Clock()
    sums = Sums(clock)
    sums.away = True
    buckets = Buckets(sums.spend, clock)
    assert sum([await _take(buckets) == 0.0 for _ in range(200)]) == 100
    await buckets.close()


async def test_what_others_spent_counts_here() -> None:
    clock = Clock()
    sums = Sums(clock)
    here, there = Buckets(sums.spend, clock), Buckets(sums.spend, clock)
    for _ in range(95):
        await _take(there)
    await there.close()
    served = sum([await _take(here) == 0.0 for _ in range(100)])
    assert 5 <= served <= 5 + CREDIT * POLICY.quota
    await here.close()
