"""Verification finds what the events did not make, and says which event should have."""

from __future__ import annotations

import threading

import psycopg
import pytest

from eventstore.verify import verify_log
from projections.catalog import ALL_PROJECTIONS
from projections.following import Follower
from projections.loops import LogHead
from projections.progress import Cancelled, Progress
from projections.rebuild import Busy, bring_up_to_date, rebuild
from projections.schema import BUILD_LOCK
from projections.verify import Difference, NotComparable, verify
from tests.replay.probes import SEEN, Uses, registered, started
from tests.replay.store import Store, running


def fill(store: Store) -> None:
    store.append("account-1", registered("mira"))
    for number in range(1, 6):
        store.append(f"session-{number}", started("Linux", number))
    store.append("session-3", SEEN)


def only(differences: list[Difference]) -> Difference:
    (difference,) = differences
    return difference


@pytest.mark.falsifies
@pytest.mark.parametrize("budget", [1, 2**20])
def test_falsified_row_is_found_with_the_event_that_touched_it_last(store: Store, budget: int) -> None:
    fill(store)
    store.rows("UPDATE sessions.sessions SET device_label = 'forged' WHERE id = 3")
    found = verify(store.conninfo, ALL_PROJECTIONS, budget=budget)
    difference = only(found.differences)
    assert found.different == 1
    assert (difference.projection, difference.table, difference.kind, difference.key) == ("sessions", "sessions", "changed", {"id": 3})
    assert difference.columns == {"device_label": ("forged", "Linux")}
    assert str(difference.event) == "session-3@2 SessionSeen at position 7"


@pytest.mark.falsifies
@pytest.mark.parametrize("budget", [1, 2**20])
def test_missing_and_extra_rows_are_found(store: Store, budget: int) -> None:
    fill(store)
    store.rows("UPDATE sessions.sessions SET id = 99 WHERE id = 2")
    missing, extra = verify(store.conninfo, ALL_PROJECTIONS, budget=budget).differences
    assert (missing.kind, missing.key, str(missing.event)) == ("missing", {"id": 2}, "session-2@1 SessionStarted at position 3")
    assert (extra.kind, extra.key, extra.event) == ("extra", {"id": 99}, None)


@pytest.mark.falsifies
@pytest.mark.parametrize(
    ("harm", "differs"),
    [
        ("DELETE FROM log.events WHERE stream = 'session-3' AND version = 2", ("changed", {"id": 3})),
        ("DELETE FROM log.events WHERE stream = 'session-5'", ("extra", {"id": 5})),
        ("UPDATE log.events SET stream = 'session-77' WHERE stream = 'session-5'", ("extra", {"id": 5})),
        (
            "UPDATE log.events SET recorded_at = recorded_at + interval '1 s' WHERE stream = 'session-3' AND version = 2",
            ("changed", {"id": 3}),
        ),
        (
            "UPDATE log.events SET data = replace(convert_from(data, 'UTF8'), 'Linux', 'Linus')::bytea WHERE stream = 'session-4'",
            ("changed", {"id": 4}),
        ),
    ],
    ids=["end of a stream", "whole stream", "other stream", "time", "payload"],
)
def test_log_that_was_falsified_without_a_trace_differs_from_the_rows(store: Store, harm: str, differs: tuple[str, object]) -> None:
    """What the log cannot tell of itself, since it is still in order."""
    fill(store)
    store.rows(harm)
    # The streams of this store have numbers of their own choice.
    assert {finding.kind for finding in verify_log(store.conninfo)} == {"ids"}
    found = verify(store.conninfo, ALL_PROJECTIONS)
    assert differs in [(difference.kind, difference.key) for difference in found.differences]


@pytest.mark.falsifies
def test_following_projection_is_compared_at_its_own_position(store: Store, uses: Uses) -> None:
    fill(store)
    head = LogHead(store.conninfo)
    with running(head, Follower(uses, store.conninfo, head)):
        store.wait_until("SELECT position = 7 FROM log.projections WHERE name = 'uses'")
    store.append("session-3", SEEN)
    assert verify(store.conninfo, [uses]).differences == []
    store.rows("UPDATE uses.devices SET seen = 40")
    difference = only(verify(store.conninfo, [uses]).differences)
    assert difference.columns == {"seen": (40, 1)}
    assert str(difference.event) == "session-3@2 SessionSeen at position 7"


def test_streams_that_wait_are_left_out(store: Store, uses: Uses) -> None:
    fill(store)
    store.append("session-9", started("poison", 9), SEEN)
    rebuild(store.conninfo, [uses])
    assert verify(store.conninfo, store.projections).differences == []


def test_nothing_to_compare_is_an_error(store: Store) -> None:
    with pytest.raises(NotComparable):
        verify(store.conninfo, store.projections)
    assert verify(store.conninfo, store.projections, allow_empty=True).rows == 0


def test_tables_of_another_release_are_not_compared(store: Store) -> None:
    fill(store)
    store.rows("UPDATE log.projections SET version = 7 WHERE name = 'sessions'")
    with pytest.raises(NotComparable, match="sessions"):
        verify(store.conninfo, store.projections)


@pytest.mark.falsifies
def test_many_differences_are_counted_and_some_described(store: Store) -> None:
    store.append("account-1", registered("mira"))
    for number in range(1, 131):
        store.append(f"session-{number}", started("Linux", number))
    store.rows("UPDATE sessions.sessions SET user_agent = 'forged'")
    found = verify(store.conninfo, ALL_PROJECTIONS)
    assert found.different == 130
    assert len(found.differences) == 100


def test_writes_go_on_while_rows_are_compared(store: Store) -> None:
    fill(store)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.append("session-1", SEEN)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            assert verify(store.conninfo, ALL_PROJECTIONS).differences == []
    finally:
        stop.set()
        writer.join()


def test_rebuild_and_verification_exclude_each_other(store: Store) -> None:
    fill(store)
    with psycopg.connect(store.conninfo, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (BUILD_LOCK,))
        with pytest.raises(Busy):
            verify(store.conninfo, store.projections)
        with pytest.raises(Busy):
            rebuild(store.conninfo, store.projections)


def test_nothing_is_busy_once_the_tables_are_up_to_date(store: Store) -> None:
    fill(store)
    with psycopg.connect(store.conninfo, autocommit=True) as other:
        for _ in range(100):
            bring_up_to_date(store.conninfo, store.projections)
            row = other.execute("SELECT pg_try_advisory_lock_shared(%s), pg_advisory_unlock_all()", (BUILD_LOCK,)).fetchone()
            assert row is not None
            assert row[0]


def test_verification_can_be_cancelled(store: Store) -> None:
    fill(store)
    progress = Progress()
    progress.cancel.set()
    with pytest.raises(Cancelled):
        verify(store.conninfo, store.projections, progress=progress)
