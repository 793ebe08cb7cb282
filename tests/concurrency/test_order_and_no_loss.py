"""Followers see every event once and in the order of positions, whatever order the transactions commit in."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait

import pytest

from eventstore.reader import LogReader, LogRow
from eventstore.recorder import LogRecorder
from tests.concurrency.writers import append, dawdle, roll_back, write, write_in_process
from tests.log.clusters import Pool
from tests.log.events import renamed

DAWDLING_S = 3


class Counting:
    """A follower that keeps what it is given."""

    def __init__(self, pool: Pool) -> None:
        self._reader = LogReader(pool)
        self.seen: list[LogRow] = []

    def follow(self) -> Sequence[LogRow]:
        rows = self._reader.read(self.seen[-1].position if self.seen else 0, 50)
        self.seen += rows
        return rows

    def follow_until(self, futures: Sequence[Future[object]]) -> None:
        while not all(future.done() for future in futures):
            self.follow()
        while self.follow():
            pass


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_follower_sees_every_event_once_and_in_order(pool: Pool, log_url: str, kind: str) -> None:
    follower = Counting(pool)
    with ThreadPoolExecutor(9) as threads, ProcessPoolExecutor(8, multiprocessing.get_context("spawn")) as processes:
        late = threads.submit(dawdle, pool, "late-1", DAWDLING_S)
        writers = [
            threads.submit(write, pool, number, 60) if kind == "threads" else processes.submit(write_in_process, log_url, number, 60)
            for number in range(1, 9)
        ]
        follower.follow_until([late, *writers])  # type: ignore[list-item]
    committed = [event for done in writers for event in done.result()] + [("late-1", 1)]
    seen = [(row.stream, row.version) for row in follower.seen]
    positions = [row.position for row in follower.seen]
    assert sorted(seen) == sorted(committed)
    assert len(set(seen)) == len(seen)
    assert positions == sorted(set(positions))
    assert positions[-1] > len(positions), "without positions that were rolled back the test shows little"


def test_follower_waits_for_a_position_that_may_still_be_filled(pool: Pool) -> None:
    follower = Counting(pool)
    with pool.connection() as slow, slow.transaction():
        append(slow, [renamed("slow-1", 1)])
        LogRecorder(pool).insert_events([renamed("quick-1", 1)])
        for _ in range(3):
            assert follower.follow() == []
    assert [row.stream for row in follower.follow()] == ["slow-1", "quick-1"]


def test_follower_hands_out_what_comes_before_the_gap(pool: Pool) -> None:
    recorder, follower = LogRecorder(pool), Counting(pool)
    recorder.insert_events([renamed("first-1", 1)])
    with pool.connection() as slow, slow.transaction():
        append(slow, [renamed("slow-1", 1)])
        recorder.insert_events([renamed("quick-1", 1)])
        assert [row.stream for row in follower.follow()] == ["first-1"]
        assert follower.follow() == []
    assert [row.stream for row in follower.follow()] == ["slow-1", "quick-1"]


def test_follower_steps_over_what_was_rolled_back(pool: Pool) -> None:
    follower = Counting(pool)
    roll_back(pool, [renamed("gone-1", 1)])
    LogRecorder(pool).insert_events([renamed("kept-1", 1)])
    assert [row.stream for row in follower.follow()] == ["kept-1"]


def test_gap_behind_the_settled_one_is_waited_for_too(pool: Pool) -> None:
    recorder, follower = LogRecorder(pool), Counting(pool)
    roll_back(pool, [renamed("gone-1", 1)])
    recorder.insert_events([renamed("kept-1", 1)])
    with pool.connection() as slow, slow.transaction():
        # The database's housekeeping has transactions as well, for which the gap may be waited for a moment longer.
        while not (found := follower.follow()):
            time.sleep(0.05)
        assert [row.stream for row in found] == ["kept-1"]
        append(slow, [renamed("slow-1", 1)])
        recorder.insert_events([renamed("quick-1", 1)])
        assert follower.follow() == []
    assert [row.stream for row in follower.follow()] == ["slow-1", "quick-1"]


def test_transaction_that_takes_its_position_late_is_not_missed(pool: Pool) -> None:
    """Its other work gave it an old transaction id; what counts is that the id is older than the position."""
    recorder, follower = LogRecorder(pool), Counting(pool)
    with pool.connection() as slow, slow.transaction():
        slow.execute("SELECT pg_current_xact_id()")
        recorder.insert_events([renamed("quick-1", 1)])
        assert [row.stream for row in follower.follow()] == ["quick-1"]
        append(slow, [renamed("slow-1", 1)])
        recorder.insert_events([renamed("quick-2", 1)])
        assert follower.follow() == []
    assert [row.stream for row in follower.follow()] == ["slow-1", "quick-2"]


def test_subscription_of_the_library_follows_the_settled_log(pool: Pool) -> None:
    recorder = LogRecorder(pool)
    recorder.insert_events([renamed("note-1", 1), renamed("note-1", 2)])
    with recorder.subscribe(gt=1) as subscription, ThreadPoolExecutor(1) as threads:
        assert next(subscription).id == 2
        waiting = threads.submit(next, subscription)
        recorder.insert_events([renamed("note-1", 3)])
        wait([waiting])
        assert waiting.result().id == 3
