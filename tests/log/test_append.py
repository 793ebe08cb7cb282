"""What an append stores, however many events it holds, and the digests that are kept of secrets."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

import pytest
from eventsourcing.persistence import StoredEvent

from eventstore.codec import LogEvent
from eventstore.digests import secret_digest
from eventstore.recorder import FEW_EVENTS, LogRecorder
from tests.log.clusters import Pool

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STORED = """
SELECT stream, version, type, data, recorded_at, metadata, actor, undoes
FROM log.events WHERE position = ANY(%s) ORDER BY position"""


@pytest.mark.parametrize("number", [1, 2, FEW_EVENTS, FEW_EVENTS + 1, 3 * FEW_EVENTS])
def test_events_are_stored_in_order_with_all_they_say(pool: Pool, number: int) -> None:
    times = [BEGAN + timedelta(microseconds=n) for n in range(number)]
    events = [LogEvent(f"note-{n % 2}", n // 2 + 1, f"Type{n}", bytes([0, 255, n]), recorded_at=at) for n, at in enumerate(times)]
    metadata = b'{"actor":7,"undoes":"abc"}'
    positions = LogRecorder(pool).insert_events(events, metadata=metadata)
    assert positions is not None
    with pool.connection() as connection:
        rows = connection.execute(STORED, (list(positions),)).fetchall()
    assert [row[:5] for row in rows] == [(e.originator_id, e.originator_version, e.topic, e.state, e.recorded_at) for e in events]
    assert {row[5:] for row in rows} == {(metadata, 7, True)}


@pytest.mark.parametrize("number", [1, 2, FEW_EVENTS + 1])
def test_events_without_a_time_get_the_one_of_their_transaction(pool: Pool, number: int) -> None:
    LogRecorder(pool).insert_events([StoredEvent("note-1", n + 1, "Type", b"") for n in range(number)])
    with pool.connection() as connection:
        times = connection.execute("SELECT recorded_at, now() - recorded_at FROM log.events").fetchall()
    assert len({at for at, _ in times}) == 1
    assert timedelta(0) <= times[0][1] < timedelta(minutes=1)


@pytest.mark.parametrize("secret", ["", "a" * 40, "ключ \ud800"])
def test_digests_are_hmacs_under_the_key_that_is_given(secret: str) -> None:
    for key in (b"one", b"two", b"one", b""):
        assert secret_digest(key, secret) == hmac.digest(key, secret.encode("utf-8", "replace"), "sha256").hex()
