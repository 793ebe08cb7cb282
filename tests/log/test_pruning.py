"""Answers for an Idempotency-Key are kept for a day."""

from __future__ import annotations

from eventstore.pruning import prune_answers
from tests.log.clusters import Pool


def test_old_answers_go_and_young_ones_stay(pool: Pool) -> None:
    with pool.connection() as connection:
        connection.execute(
            "INSERT INTO log.idempotency (account_id, key, command, request, status, answer, created_at)"
            " SELECT 1, 'key ' || hours, 'command', '', 200, '', now() - make_interval(hours => hours)"
            " FROM generate_series(1, 47, 2) AS hours"
        )
        assert prune_answers(connection, at_most=5) == 5
        assert prune_answers(connection) == 7
        left = connection.execute("SELECT count(*), max(now() - created_at) < interval '24 hours' FROM log.idempotency").fetchone()
    assert left == (12, True)
