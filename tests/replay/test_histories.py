"""Every projection of the catalog, over sample histories cut and mixed in all ways: twice is once, batches do not matter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from eventstore.codec import Recorded, encode
from eventstore.database import UNPREPARED
from eventstore.message import Message
from eventstore.migrate import migrate
from eventstore.reader import LogRow
from projections.base import Projection, Table
from projections.catalog import ALL_PROJECTIONS
from projections.following import apply_batch
from projections.rows import Rows
from projections.schema import create_missing, create_tables, finish_tables
from tests.log.clusters import fresh_database
from tests.replay.histories import Story, histories

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
Tables = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def connection(postgres_url: str) -> Iterator[Connection[TupleRow]]:
    for url in fresh_database(postgres_url):
        migrate(url)
        with psycopg.connect(url, autocommit=True, **UNPREPARED) as opened:
            create_missing(opened, ALL_PROJECTIONS)
            for projection in ALL_PROJECTIONS:
                create_tables(opened, projection, f"{projection.name}_once")
                finish_tables(opened, projection, f"{projection.name}_once")
            yield opened


def mixed(stories: tuple[Story, ...], turns: list[int]) -> list[Recorded]:
    """One log of all stories: each turn says which stream goes on, the order inside a stream stays."""
    left = {story.stream: list(enumerate(story.events, 1)) for story in stories}
    log: list[Recorded] = []
    turn = iter(turns)
    while waiting := [stream for stream, events in left.items() if events]:
        stream = waiting[next(turn, 0) % len(waiting)]
        version, (event_type, payload) = left[stream].pop(0)
        position = len(log) + 1
        at = BEGAN + timedelta(seconds=position)
        event = event_type(originator_id=stream, originator_version=version, timestamp=at, **payload)
        log.append(Recorded(position, event, b'{"actor":1,"channel":"web","command":"c"}'))
    return log


def apply(connection: Connection[TupleRow], projection: Projection, schema: str, batch: list[Recorded]) -> None:
    with Message(connection) as message:
        rows = Rows(projection, schema, message)
        rows.load(rows.wanted(batch))
        projection.apply(rows, batch)
        rows.write(message)


def follow(connection: Connection[TupleRow], projection: Projection, batch: list[Recorded]) -> None:
    """As a follower does: the position it has come to is part of the transaction."""
    rows = [
        LogRow(
            r.position,
            r.event.originator_id,
            r.event.originator_version,
            type(r.event).__name__,
            encode(r.event),
            r.metadata,
            r.event.timestamp,
        )
        for r in batch
    ]
    assert apply_batch(connection, projection, batch[0].position - 1, rows) == batch[-1].position


def content(connection: Connection[TupleRow], projection: Projection, schema: str) -> Tables:
    def all_rows(table: Table[Any]) -> list[tuple[Any, ...]]:
        order = ", ".join(table.key)
        return connection.execute(f"SELECT {', '.join(table.columns)} FROM {schema}.{table.name} ORDER BY {order}".encode()).fetchall()

    return {table.name: all_rows(table) for table in projection.tables}


def emptied(connection: Connection[TupleRow], projection: Projection) -> None:
    for schema in (projection.name, f"{projection.name}_once"):
        for table in projection.tables:
            connection.execute(f"TRUNCATE {schema}.{table.name}".encode())
    connection.execute("UPDATE log.projections SET position = 0 WHERE name = %s AND lifecycle = 'following'", (projection.name,))


@pytest.mark.parametrize("projection", ALL_PROJECTIONS, ids=lambda projection: projection.name)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.integers(0, 10), max_size=40), size=st.integers(1, 12))
def test_batches_may_be_cut_anywhere_and_come_twice(
    connection: Connection[TupleRow], projection: Projection, turns: list[int], size: int
) -> None:
    log = mixed(histories(projection), turns)
    emptied(connection, projection)
    once = f"{projection.name}_once"
    apply(connection, projection, once, log)
    expected = content(connection, projection, once)
    assert any(expected.values()), "these histories make no row"
    for start in range(0, len(log), size):
        batch = log[start : start + size]
        again(connection, projection, batch)
        before = content(connection, projection, projection.name)
        again(connection, projection, batch)
        assert content(connection, projection, projection.name) == before
    assert content(connection, projection, projection.name) == expected


def again(connection: Connection[TupleRow], projection: Projection, batch: list[Recorded]) -> None:
    """Applies a batch the way the projection's lifecycle has it."""
    if projection.lifecycle == "following":
        follow(connection, projection, batch)
    else:
        apply(connection, projection, projection.name, batch)


def test_every_handler_has_a_history() -> None:
    """What no story tells is tried by nobody."""
    untold = {
        f"{projection.name}: {event_type.__name__}"
        for projection in ALL_PROJECTIONS
        for event_type in projection.handlers.keys() - {told for s in histories(projection) for told, _ in s.events}
    }
    assert untold == set()
