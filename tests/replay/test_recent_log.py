"""What several loops of a process follow together is read from the database once."""

from __future__ import annotations

import psycopg
import pytest

from eventstore.reader import RECENT_BYTES, LogRow, RecentLog
from projections.loops import connect
from tests.replay.probes import SEEN, started
from tests.replay.store import Store


def test_what_one_has_read_the_others_need_not_ask_for(store: Store) -> None:
    store.append("session-1", started(), SEEN, SEEN, SEEN)
    log = RecentLog()
    asks, cannot_ask = connect(store.conninfo, "test"), connect(store.conninfo, "test")
    cannot_ask.close()
    with asks:
        with pytest.raises(psycopg.OperationalError):
            log.read(cannot_ask, 0, 10)
        assert [row.version for row in log.read(asks, 0, 3)] == [1, 2, 3]
        assert [row.version for row in log.read(cannot_ask, 0, 2)] == [1, 2]
        assert [row.version for row in log.read(cannot_ask, 2, 10)] == [3]
        assert [row.version for row in log.read(asks, 3, 10)] == [4]
        assert [row.version for row in log.read(cannot_ask, 1, 10)] == [2, 3, 4]
        assert log.read(asks, 4, 10) == []
        store.append("session-1", SEEN)
        assert [row.version for row in log.read(asks, 4, 10)] == [5]
        assert [row.version for row in log.read(cannot_ask, 0, 10)] == [1, 2, 3, 4, 5]


def test_only_the_newest_is_kept_and_older_is_read_again(store: Store) -> None:
    store.append("session-1", started())
    store.append("session-1", *[SEEN] * 20)
    log = RecentLog()
    with connect(store.conninfo, "test") as connection:
        for number in range(2, 14):
            event, payload = started(number=number)
            store.append(f"session-{number}", (event, {**payload, "user_agent": "x" * (RECENT_BYTES // 8)}))
        everything: list[LogRow] = []
        while rows := log.read(connection, everything[-1].position if everything else 0, 5):
            everything += rows
        kept = sum(len(row.data) for row in log._rows)
        assert kept <= RECENT_BYTES
        assert [row.position for row in log._rows] == [row.position for row in everything[-len(log._rows) :]]
        assert log.read(connection, 0, 100) == everything
        assert [row.position for row in log.read(connection, everything[-2].position, 5)] == [everything[-1].position]


def test_an_event_that_is_late_is_missed_by_nobody(store: Store) -> None:
    store.append("session-1", started())
    log = RecentLog()
    with connect(store.conninfo, "test") as connection, connect(store.conninfo, "test") as slow:
        with slow.transaction():
            slow.execute("SELECT log.append(NULL, '{session-2}', '{1}', '{SessionSeen}', '{\"{}\"}', '{}', '{NULL}')")
            store.append("session-1", SEEN)
            assert [row.stream for row in log.read(connection, 0, 10)] == ["session-1"]
            assert log.read(connection, 1, 10) == []
        assert [(row.position, row.stream) for row in log.read(connection, 1, 10)] == [(2, "session-2"), (3, "session-1")]
        assert [row.position for row in log.read(connection, 0, 10)] == [1, 2, 3]
