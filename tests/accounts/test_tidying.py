"""What is kept beside the log for a while goes when its time is over."""

from __future__ import annotations

import pytest

from reactors.registrations import tidy_up
from wiring import Services


@pytest.mark.usefixtures("door")
def test_tidying_up_removes_what_is_kept_for_a_while(services: Services) -> None:
    with services.thread_pool.connection() as connection:
        connection.execute(
            "INSERT INTO log.idempotency (account_id, key, command, request, status, answer, created_at)"
            " SELECT 1, 'kept ' || days, 'command', '', 200, '', now() - make_interval(days => days) FROM generate_series(0, 3) AS days"
        )
        connection.execute(
            "INSERT INTO log.session_uses SELECT 900 + days, 1, now() - make_interval(days => days) FROM generate_series(20, 40, 5) AS days"
        )
        # Done, lost, and waiting; the lost one was seen when the done one was finished.
        connection.execute(
            "INSERT INTO log.jobs (operation, action, target, asked_at, seen_at, finished_at)"
            " SELECT kind || days, 'verify', 'notes', now() - interval '60 days',"
            " CASE WHEN kind <> 'waits ' THEN now() - make_interval(days => days) END,"
            " CASE WHEN kind = 'done ' THEN now() - make_interval(days => days) END"
            " FROM generate_series(20, 40, 20) AS days, unnest(ARRAY['done ', 'lost ', 'waits ']) AS kind"
        )
    tidy_up(services)
    with services.thread_pool.connection() as connection:
        answers = connection.execute("SELECT key FROM log.idempotency WHERE key LIKE 'kept %'").fetchall()
        uses = connection.execute("SELECT session_id FROM log.session_uses WHERE session_id > 900 ORDER BY session_id").fetchall()
        connection.execute("DELETE FROM log.session_uses WHERE session_id > 900")
        jobs = connection.execute("DELETE FROM log.jobs RETURNING operation").fetchall()
    assert answers == [("kept 0",)]
    assert uses == [(920,), (925,)]
    assert {name for (name,) in jobs} == {"done 20", "lost 20", "waits 20", "waits 40"}
