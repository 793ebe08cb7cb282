"""Rebuilding beside a running service: equal to a fresh replay, nobody waits, killing it harms nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.events import calendars, planner
from eventstore.recorder import ReadModelsReplaced, UniqueConflict
from projections.accounts.projector import Accounts
from projections.catalog import ALL_PROJECTIONS
from projections.fold import BUDGET, FoldFailed
from projections.following import Follower
from projections.loops import LogHead
from projections.progress import Cancelled, Progress
from projections.rebuild import bring_up_to_date, rebuild
from projections.sessions import Sessions
from projections.verify import verify
from tests.replay.histories import payload_of
from tests.replay.probes import SEEN, Uses, registered, started
from tests.replay.store import Store, running

LONGEST_WAIT_S = 2.0
"""Far above what a swap takes (milliseconds), far below what a rebuild that blocks would cost."""


class Traffic:
    """Writers and readers that never stop, and note what went wrong or took long."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.stop = threading.Event()
        self.errors: list[BaseException] = []
        self.waits: list[float] = []
        self.written = 0

    def write(self, lane: int) -> None:
        number = lane * 1_000_000
        while not self.stop.is_set():
            number += 1
            self._measured(partial(self.store.append, f"session-{number}", started("Linux", number), SEEN))
            self._measured(partial(self.store.append, f"session-{lane * 1_000_000 + 1}", SEEN))
            self.written += 2

    def read(self, lane: int) -> None:
        with psycopg.connect(self.store.conninfo, autocommit=True, prepare_threshold=1) as connection:
            while not self.stop.is_set():
                self._measured(lambda: connection.execute("SELECT id, seen_at FROM sessions.sessions ORDER BY id DESC LIMIT 5").fetchall())
                self._measured(lambda: connection.execute("SELECT count(*) FROM accounts.accounts WHERE id > %s", (lane,)).fetchone())

    def _measured(self, act: Callable[[], object]) -> None:
        began = time.monotonic()
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the test tells them all
            self.errors.append(error)
        self.waits.append(time.monotonic() - began)


@contextmanager
def traffic(store: Store) -> Iterator[Traffic]:
    busy = Traffic(store)
    threads = [threading.Thread(target=busy.write, args=(lane,)) for lane in (1, 2, 3)]
    threads += [threading.Thread(target=busy.read, args=(lane,)) for lane in (1, 2)]
    for thread in threads:
        thread.start()
    try:
        yield busy
    finally:
        busy.stop.set()
        for thread in threads:
            thread.join(20)


def fill(store: Store, streams: int) -> None:
    for number in range(1, streams + 1):
        store.append(f"account-{number}", registered(f"person{number}"))
        store.append(f"session-{number}", started("Linux", number), SEEN, SEEN)


def test_rebuild_under_constant_writes_ends_equal_to_a_replay(store: Store, uses: Uses) -> None:
    fill(store, 100)
    head = LogHead(store.conninfo)
    with running(head, Follower(uses, store.conninfo, head)), traffic(store) as busy:
        for _ in range(4):
            before = busy.written
            done = rebuild(store.conninfo, store.projections)
            assert done.events > 400
            while busy.written < before + 50:
                time.sleep(0.01)
        busy.stop.set()
        store.wait_until("SELECT (SELECT position FROM log.projections WHERE name = 'uses') = (SELECT max(position) FROM log.events)")
    assert busy.errors == []
    assert max(busy.waits) < LONGEST_WAIT_S
    found = verify(store.conninfo, store.projections)
    assert found.differences == []
    assert found.rows > 400
    assert leftovers(store) == []


def leftovers(store: Store) -> list[str]:
    return [name for (name,) in store.rows("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE '%%\\_\\_%%'")]


def test_small_budget_gives_the_same_tables(store: Store, uses: Uses) -> None:
    fill(store, 60)
    store.append("session-7", SEEN)
    before = store.rows("SELECT * FROM sessions.sessions ORDER BY id")
    rebuild(store.conninfo, store.projections, budget=1)
    assert store.rows("SELECT * FROM sessions.sessions ORDER BY id") == before
    assert store.rows("SELECT seen FROM uses.uses WHERE id = 7") == [(3,)]
    assert verify(store.conninfo, store.projections, budget=1).differences == []


def test_cancelled_rebuild_leaves_the_tables_and_nothing_else(store: Store) -> None:
    fill(store, 20)
    before = store.value("SELECT 'sessions.sessions'::regclass::oid")
    progress = Progress()
    progress.tell = lambda now: now.cancel.set() if now.events else None
    with pytest.raises(Cancelled):
        rebuild(store.conninfo, store.projections, progress=progress)
    assert store.value("SELECT 'sessions.sessions'::regclass::oid") == before
    assert leftovers(store) == []


KILLED = """
import sys, time
from projections.progress import Progress
from projections.catalog import ALL_PROJECTIONS
from projections.rebuild import rebuild
def tell(progress):
    if progress.phase == sys.argv[2] and progress.events:
        print("there", flush=True)
        time.sleep(600)
rebuild(sys.argv[1], ALL_PROJECTIONS, progress=Progress(tell))
"""


@pytest.mark.parametrize("phase", ["reading", "writing", "catching up", "swapping"])
def test_rebuild_killed_midway_harms_nothing_and_can_be_run_again(store: Store, phase: str) -> None:
    fill(store, 20)
    process = subprocess.Popen([sys.executable, "-c", KILLED, store.conninfo, phase], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "there\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    store.append("session-3", SEEN)
    assert verify(store.conninfo, ALL_PROJECTIONS).differences == []
    # The server notices that the client is gone as soon as it waits for its next statement.
    store.wait_until(
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'notechondria-rebuild' AND datname = current_database())"
    )
    rebuild(store.conninfo, ALL_PROJECTIONS)
    assert leftovers(store) == []
    assert verify(store.conninfo, ALL_PROJECTIONS).differences == []


class LaterSessions(Sessions):
    """A later release's projection of the same name."""

    version = Sessions.version + 1


def test_new_version_is_rebuilt_on_start_and_shuts_older_writers_out(store: Store, uses: Uses) -> None:
    fill(store, 5)
    LaterSessions.handlers = Sessions.handlers
    later = [LaterSessions() if p.name == "sessions" else p for p in store.projections]
    done = bring_up_to_date(store.conninfo, later)
    assert done is not None
    assert done.projections == ("sessions",)
    assert bring_up_to_date(store.conninfo, later) is None
    with pytest.raises(ReadModelsReplaced):
        store.append("session-1", SEEN)
    assert store.value("SELECT count(*) FROM log.events WHERE stream = 'session-1'") == 3
    assert verify(store.conninfo, later[:-1]).differences == []


def test_projection_that_is_new_behind_events_is_built_from_them(store: Store, uses: Uses) -> None:
    fill(store, 5)
    store.rows("DROP SCHEMA uses CASCADE")
    store.rows("DELETE FROM log.projections WHERE name = 'uses'")
    done = bring_up_to_date(store.conninfo, store.projections)
    assert done is not None
    assert done.projections == ("uses",)
    assert store.rows("SELECT seen FROM uses.devices") == [(10,)]


def test_projection_that_is_no_more_is_dropped(store: Store) -> None:
    fill(store, 2)
    remaining = [p for p in store.projections if p.name != "uses"]
    bring_up_to_date(store.conninfo, remaining)
    assert store.value("SELECT to_regnamespace('uses')") is None
    assert store.value("SELECT count(*) FROM log.projections WHERE name = 'uses'") == 0


def test_two_starts_at_once_rebuild_once(store: Store) -> None:
    fill(store, 5)
    store.rows("UPDATE log.projections SET version = 0 WHERE name = 'accounts'")
    results = []
    threads = [threading.Thread(target=lambda: results.append(bring_up_to_date(store.conninfo, store.projections))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result is None for result in results) == [False, True, True]


def test_failing_handler_of_an_inline_projection_stops_the_rebuild(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 3)

    def refuse(self: Accounts, rows: object, event: object) -> None:
        raise ValueError("cannot")

    event_type = next(iter(Accounts.handlers))
    monkeypatch.setitem(Accounts.handlers, event_type, refuse)
    with pytest.raises(FoldFailed, match=r"accounts: AccountRegistered of account-1 at position 1: ValueError: cannot"):
        rebuild(store.conninfo, store.projections)
    assert leftovers(store) == []
    assert store.value("SELECT count(*) FROM accounts.accounts") == 3


def test_course_that_was_stored_as_7_0_is_read_as_7_and_never_stored_again(store: Store) -> None:
    """Wholeness was once not asked of the courses of plans and calendars."""
    for kind, made, filed in (
        ("planner-event", planner.PlannerEventCreated, planner.PlannerEventFiled),
        ("calendar-feed", calendars.CalendarFeedAdded, calendars.CalendarFeedFiled),
    ):
        for number in (1, 2):
            store.append(f"{kind}-{number}", (made, {**payload_of(made), "owner_id": number}))
        store.append(f"{kind}-2", (filed, {"course_id": 7}))
        with pytest.raises(TypeError, match="course_id has to be a whole number"):
            store.append(f"{kind}-2", (filed, {"course_id": 7.0}))
    stored = "replace(replace(convert_from(data, 'UTF8'), '\"course_id\":7', '\"course_id\":7.0'), ',\"class_version\":2', '')"
    store.rows(f"UPDATE log.events SET data = {stored}::bytea")
    assert store.value("SELECT count(*) FROM log.events WHERE data LIKE '%%\"course_id\":7.0%%'") == 6
    rebuild(store.conninfo, ALL_PROJECTIONS)
    assert verify(store.conninfo, ALL_PROJECTIONS).differences == []
    assert store.rows("SELECT course_id FROM planner.events UNION ALL SELECT course_id FROM calendars.feeds") == [(7,)] * 4


def test_rebuild_parks_the_streams_that_a_following_projection_cannot_take(store: Store, uses: Uses) -> None:
    fill(store, 3)
    store.append("session-50", started("poison", 50), SEEN)
    done = rebuild(store.conninfo, [uses])
    assert done.parked == 1
    assert store.rows("SELECT stream, position FROM log.parked_streams") == [("session-50", 13)]
    assert store.rows("SELECT seen FROM uses.devices") == [(6,)]
    uses.healed = True
    assert rebuild(store.conninfo, [uses]).parked == 0
    assert store.rows("SELECT * FROM log.parked_streams") == []
    assert sorted(store.rows("SELECT device, seen FROM uses.devices")) == [("Linux", 6), ("poison", 1)]


@pytest.mark.falsifies
@pytest.mark.parametrize("payload", ["{broken", "[]", "{}"])
def test_rebuild_parks_the_stream_of_an_event_that_cannot_be_read(store: Store, uses: Uses, payload: str) -> None:
    fill(store, 3)
    store.rows("UPDATE log.events SET data = convert_to(%s, 'UTF8') WHERE stream = 'session-2' AND version = 1", payload)
    assert rebuild(store.conninfo, [uses]).parked == 1
    assert [stream for (stream,) in store.rows("SELECT stream FROM log.parked_streams")] == ["session-2"]
    assert store.rows("SELECT seen FROM uses.devices") == [(4,)]
    with pytest.raises(FoldFailed, match="sessions: SessionStarted of session-2 at position 6"):
        rebuild(store.conninfo, store.projections)
    assert leftovers(store) == []


PHASES = ("reading", "writing", "catching up")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    busy=st.lists(st.tuples(st.sampled_from(PHASES), st.integers(1, 5), st.booleans()), max_size=6),
    budget=st.sampled_from([1, 20_000, BUDGET]),
)
def test_what_is_written_in_any_phase_of_a_rebuild_is_in_its_tables(
    store: Store, uses: Uses, busy: list[tuple[str, int, bool]], budget: int
) -> None:
    """Appends at the very moments at which the rebuild looks at the log, some of them rolled back."""
    if not store.value("SELECT count(*) FROM log.events"):
        fill(store, 20)
    due = list(busy)

    def write(progress: Progress) -> None:
        for moment in [moment for moment in due if moment[0] == progress.phase]:
            due.remove(moment)
            _, number, kept = moment
            if kept:
                store.append(f"session-{number}", SEEN)
            else:
                with pytest.raises(UniqueConflict):
                    store.append("session-999", started("Linux", number))

    before = store.value("SELECT sum(seen) FROM uses.uses")
    done = rebuild(store.conninfo, store.projections, progress=Progress(write), budget=budget)
    assert due == []
    assert done.parked == 0
    found = verify(store.conninfo, store.projections)
    assert found.differences == []
    assert store.value("SELECT sum(seen) FROM uses.uses") == (before or 40) + sum(kept for *_, kept in busy)


def test_long_transaction_delays_the_swap_but_no_writer(store: Store) -> None:
    fill(store, 3)
    waits = []
    with psycopg.connect(store.conninfo) as slow:
        slow.execute("SELECT pg_advisory_xact_lock_shared(7266100)")
        rebuilding = threading.Thread(target=rebuild, args=(store.conninfo, store.projections))
        rebuilding.start()
        for _ in range(40):
            began = time.monotonic()
            store.append("session-1", SEEN)
            waits.append(time.monotonic() - began)
            time.sleep(0.01)
        assert rebuilding.is_alive()
    rebuilding.join(20)
    assert not rebuilding.is_alive()
    assert max(waits) < LONGEST_WAIT_S
    assert verify(store.conninfo, ALL_PROJECTIONS).differences == []
