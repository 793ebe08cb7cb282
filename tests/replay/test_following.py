"""Followers: own position, batches that count once, parked streams, leases, recovery."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from eventstore.reader import LogReader
from projections.following import Follower, apply_batch, apply_or_park
from projections.loops import LEASES, LogHead, Pausing, connect
from projections.parking import parked_streams, retry_parked
from tests.replay.probes import SEEN, Uses, started
from tests.replay.store import Store, running

COUNTED = "SELECT (SELECT position FROM log.projections WHERE name = 'uses') = (SELECT max(position) FROM log.events)"


def follower(store: Store, uses: Uses) -> tuple[LogHead, Follower]:
    head = LogHead(store.conninfo)
    return head, Follower(uses, store.conninfo, head)


def test_follower_catches_up_and_keeps_up(store: Store, uses: Uses) -> None:
    store.append("session-1", started(), SEEN)
    with running(*follower(store, uses)):
        store.wait_until(COUNTED)
        for number in range(2, 12):
            store.append(f"session-{number}", started(number=number), SEEN, SEEN)
        store.wait_until(COUNTED)
    assert store.rows("SELECT id, seen FROM uses.uses ORDER BY id") == [(1, 1), *((n, 2) for n in range(2, 12))]
    assert store.rows("SELECT device, seen FROM uses.devices") == [("Linux", 21)]


@pytest.mark.falsifies
def test_log_that_was_restored_from_a_backup_is_read_anew(store: Store, uses: Uses) -> None:
    store.append("session-1", started(), SEEN, SEEN)
    head, loop = follower(store, uses)
    with connect(store.conninfo, "test") as loop.connection:
        loop.start()
        assert loop.step()
        store.rows("TRUNCATE log.events RESTART IDENTITY")
        store.rows("TRUNCATE uses.uses, uses.devices, sessions.sessions")
        store.rows("UPDATE log.projections SET position = 0 WHERE name = 'uses'")
        store.append("session-2", started(number=2), SEEN)
        # As after every lost connection.
        loop.start()
        assert loop.step()
    assert head.position == 0
    assert store.rows("SELECT id, seen FROM uses.uses") == [(2, 1)]


def test_batch_applied_twice_counts_once(store: Store, uses: Uses) -> None:
    store.append("session-1", started(), SEEN, SEEN)
    batch = LogReader(store.pool).read(0, 100)
    with store.pool.connection() as connection:
        reached = apply_batch(connection, uses, 0, batch)
        assert apply_batch(connection, uses, 0, batch) == reached == batch[-1].position
    assert store.rows("SELECT seen FROM uses.uses") == [(2,)]


def test_raising_handler_parks_its_stream_and_no_other(store: Store, uses: Uses) -> None:
    for number in range(1, 41):
        store.append(f"session-{number}", started("poison" if number == 17 else "Linux", number), SEEN)
    poison = store.append("session-17", SEEN)
    batch = LogReader(store.pool).read(0, 1000)
    with store.pool.connection() as connection:
        assert apply_or_park(connection, uses, 0, batch) == poison
        (parked,) = parked_streams(connection, "uses")
        assert (parked.stream, parked.error) == ("session-17", "ValueError: this device cannot be counted")
        assert store.value("SELECT count(*) FROM uses.uses WHERE seen = 1") == 39
        # It keeps waiting, with all that comes later.
        store.append("session-17", SEEN)
        later = store.append("session-18", SEEN)
        assert apply_or_park(connection, uses, poison, LogReader(store.pool).read(poison, 1000)) == later
        assert retry_parked(connection, uses)[0] == []
        uses.healed = True
        assert retry_parked(connection, uses) == (["session-17"], [])
    assert store.rows("SELECT seen FROM uses.uses WHERE id = 17") == [(3,)]
    assert dict(store.rows("SELECT device, seen FROM uses.devices")) == {"poison": 3, "Linux": 40}


@pytest.mark.falsifies
def test_retry_applies_what_comes_before_the_event_that_still_fails(store: Store, uses: Uses) -> None:
    store.append("session-1", started("poison"), *[SEEN] * 5)
    with store.pool.connection() as connection:
        apply_or_park(connection, uses, 0, LogReader(store.pool).read(0, 1000))
        uses.healed = True
        store.rows("UPDATE log.events SET data = '{broken' WHERE stream = 'session-1' AND version = 4")
        freed, waiting = retry_parked(connection, uses)
    assert freed == []
    assert [parked.position for parked in waiting] == [4]
    assert store.rows("SELECT seen FROM uses.uses") == [(2,)]


def test_event_that_comes_while_its_stream_is_being_freed_is_not_lost(store: Store, uses: Uses) -> None:
    store.append("session-1", started("poison"), SEEN)
    with store.pool.connection() as connection, store.pool.connection() as operator, ThreadPoolExecutor(1) as threads:
        reached = apply_or_park(connection, uses, 0, LogReader(store.pool).read(0, 100))
        store.append("session-1", SEEN)
        batch = LogReader(store.pool).read(reached, 100)
        uses.healed = True
        with operator.transaction():
            assert retry_parked(operator, uses)[0] == ["session-1"]
            following = threads.submit(apply_batch, connection, uses, reached, batch)
            store.wait_until("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = %s)", connection.info.backend_pid)
        assert following.result() == batch[-1].position
    assert store.rows("SELECT seen FROM uses.uses") == [(2,)]


def test_missing_tables_park_nothing(store: Store, uses: Uses) -> None:
    store.append("session-1", started())
    store.rows("DROP SCHEMA uses CASCADE")
    with store.pool.connection() as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            apply_or_park(connection, uses, 0, LogReader(store.pool).read(0, 1000))
        assert parked_streams(connection, "uses") == []


def test_tables_of_another_release_are_left_alone(store: Store, uses: Uses) -> None:
    store.append("session-1", started())
    store.rows("UPDATE log.projections SET version = 2 WHERE name = 'uses'")
    with store.pool.connection() as connection, pytest.raises(Pausing):
        apply_or_park(connection, uses, 0, LogReader(store.pool).read(0, 1000))
    assert store.rows("SELECT * FROM uses.uses") == []


def test_one_process_follows_and_another_takes_over(store: Store, uses: Uses) -> None:
    holders = (
        f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {LEASES}"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND granted"
    )
    first_head, first = follower(store, uses)
    second_head, second = follower(store, Uses())
    with running(second_head):
        with running(first_head, first):
            store.wait_until(f"SELECT ({holders}) = 1")
            with running(second):
                store.append("session-1", started(), SEEN)
                store.wait_until(COUNTED)
                assert store.value(holders) == 1
                assert second.position == 0
        with running(second):
            store.append("session-1", SEEN)
            store.wait_until(COUNTED)
    assert store.rows("SELECT seen FROM uses.uses") == [(2,)]


def test_follower_goes_on_after_its_connections_were_cut(store: Store, uses: Uses) -> None:
    with running(*follower(store, uses)):
        store.append("session-1", started(), SEEN)
        store.wait_until(COUNTED)
        store.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'notechondria-%%'"
        )
        store.append("session-1", SEEN)
        store.wait_until(COUNTED)
    assert store.rows("SELECT seen FROM uses.uses") == [(2,)]


def test_heartbeat_is_kept_while_idle(store: Store, uses: Uses) -> None:
    store.rows("UPDATE log.projections SET ticked_at = 'epoch'")
    with running(*follower(store, uses)):
        store.wait_until("SELECT ticked_at > now() - interval '1 minute' FROM log.projections WHERE name = 'uses'")
