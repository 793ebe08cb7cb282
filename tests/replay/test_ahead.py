"""The next rows of the log are asked for while those at hand are worked on."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from eventstore.reader import LogAhead, LogRow, SettledLog
from projections.loops import connect
from tests.replay.probes import SEEN, started
from tests.replay.store import Store

_LATE = "SELECT log.append(NULL, '{session-2}', '{1}', '{SessionSeen}', '{\"{}\"}', '{}', '{NULL}')"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_all_of_the_log_comes_once_and_in_order(store: Store, limit: int) -> None:
    store.append("session-1", started(), *[SEEN] * 5)
    with connect(store.conninfo, "test") as gone, gone.transaction(force_rollback=True):
        gone.execute(_LATE)
    store.append("session-1", *[SEEN] * 8)
    seen: list[LogRow] = []
    with closing(connect(store.conninfo, "test")) as connection:
        ahead = LogAhead(SettledLog(), connection)
        while rows := ahead.read(seen[-1].position if seen else 0, limit):
            assert len(rows) <= limit
            seen += rows
    assert [row.version for row in seen] == list(range(1, 15))
    assert [row.position for row in seen] == [*range(1, 7), *range(8, 16)]


@pytest.mark.parametrize("asked_while_open", [False, True])
def test_what_is_committed_after_it_was_asked_for_is_not_missed(store: Store, asked_while_open: bool) -> None:
    store.append("session-1", started(), SEEN)
    with closing(connect(store.conninfo, "test")) as connection, connect(store.conninfo, "test") as slow:
        ahead = LogAhead(SettledLog(), connection)
        with slow.transaction():
            slow.execute(_LATE)
            store.append("session-1", SEEN, SEEN)
            # Here the next two are asked for: those behind the one that is late.
            assert [row.position for row in ahead.read(0, 2)] == [1, 2]
            if asked_while_open:
                assert ahead.read(2, 2) == []
        assert [(row.position, row.stream) for row in ahead.read(2, 2)] == [(3, "session-2"), (4, "session-1")]
        assert [row.position for row in ahead.read(4, 2)] == [5]


def test_a_lost_connection_is_an_error(store: Store) -> None:
    store.append("session-1", started(), SEEN, SEEN)
    with closing(connect(store.conninfo, "lost")) as connection:
        ahead = LogAhead(SettledLog(), connection)
        assert len(ahead.read(0, 1)) == 1
        store.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lost' AND datname = current_database()"
        )
        with pytest.raises(psycopg.OperationalError):
            assert not [ahead.read(after, 1) for after in range(1, 3)]
