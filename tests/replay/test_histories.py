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

from eventstore.codec import Recorded
from projections.base import Projection, Table
from projections.catalog import ALL_PROJECTIONS
from projections.rows import Rows
from projections.schema import create_tables, finish_tables
from tests.replay.histories import Story, histories

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
Tables = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def connection(module_database_url: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(module_database_url, autocommit=True) as opened:
        for projection in ALL_PROJECTIONS:
            for schema in (projection.name, f"{projection.name}_once"):
                create_tables(opened, projection, schema)
                finish_tables(opened, projection, schema)
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
    with connection.transaction():
        rows = Rows(projection, schema, connection)
        rows.load(rows.wanted(batch))
        projection.apply(rows, batch)
        rows.write(connection)


def content(connection: Connection[TupleRow], projection: Projection, schema: str) -> Tables:
    def all_rows(table: Table[Any]) -> list[tuple[Any, ...]]:
        order = ", ".join(table.key)
        return connection.execute(f"SELECT {', '.join(table.columns)} FROM {schema}.{table.name} ORDER BY {order}".encode()).fetchall()

    return {table.name: all_rows(table) for table in projection.tables}


def emptied(connection: Connection[TupleRow], projection: Projection) -> None:
    for schema in (projection.name, f"{projection.name}_once"):
        for table in projection.tables:
            connection.execute(f"TRUNCATE {schema}.{table.name}".encode())


@pytest.mark.parametrize("projection", ALL_PROJECTIONS, ids=lambda projection: projection.name)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
        apply(connection, projection, projection.name, batch)
        if projection.lifecycle == "inline":
            before = content(connection, projection, projection.name)
            apply(connection, projection, projection.name, batch)
            assert content(connection, projection, projection.name) == before
    assert content(connection, projection, projection.name) == expected
