"""Whatever a log holds, an archive of it makes the same log again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.archive import export_archive, import_archive
from eventstore.codec import FORGOTTEN, encode
from eventstore.events import Event
from eventstore.events.notes import NoteCreated, NoteRenamed, NoteTextSpliced
from eventstore.migrate import migrate
from eventstore.verify import verify_log
from tests.log.clusters import fresh_database
from tests.replay.histories import payload_of

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6)  # fmt: skip
METADATA = st.dictionaries(TEXTS, JSON, max_size=3).map(lambda about: {**about, "command": "c"})


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Rows of a log: some streams in turn, with gaps, forgotten events and every kind of text."""
    versions: dict[str, int] = {}
    found = []
    position = 0
    for _ in range(draw(st.integers(0, 12))):
        position += draw(st.integers(1, 3))
        stream = draw(st.sampled_from(["note-1", "note-2", "note-30"]))
        versions[stream] = versions.get(stream, 0) + 1
        at = BEGAN + timedelta(microseconds=position)
        event = draw(events(stream, versions[stream], at))
        data = FORGOTTEN if draw(st.integers(0, 5)) == 0 else encode(event)
        found.append((position, stream, versions[stream], type(event).__name__, data, orjson.dumps(draw(METADATA)), at))
    return found


@st.composite
def events(draw: st.DrawFn, stream: str, version: int, at: datetime) -> Event:
    """An event of a note."""
    where: dict[str, Any] = {"originator_id": stream, "originator_version": version, "timestamp": at}
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return NoteRenamed(**where, title=draw(TEXTS))
    if kind == 1:
        return NoteTextSpliced(**where, at=draw(st.integers(0, 99)), removed=draw(st.integers(0, 99)), inserted=draw(TEXTS))
    return NoteCreated(**where, **{**payload_of(NoteCreated), "content": draw(TEXTS), "custom_meta": draw(TEXTS)})


@pytest.fixture(scope="module")
def two_logs(each_postgres_url: str) -> Iterator[tuple[str, str]]:
    for first in fresh_database(each_postgres_url):
        for second in fresh_database(each_postgres_url):
            migrate(first)
            migrate(second)
            yield first, second


def emptied(url: str, rows: list[tuple[Any, ...]]) -> None:
    """Puts these rows in place of what there was."""
    with psycopg.connect(url) as connection:
        connection.execute("TRUNCATE log.events RESTART IDENTITY")
        connection.execute("ALTER SEQUENCE log.note_ids RESTART WITH 50")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO log.events VALUES (%s, %s, %s, %s, %s, %s, %s)", rows)
        connection.execute("SELECT setval('log.events_position_seq', greatest(%s, 1), %s)", (rows[-1][0] if rows else 1, bool(rows)))
        connection.execute("SELECT nextval('log.note_ids')")


def stored(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        columns = "position, stream, version, type, data, metadata, recorded_at"
        return connection.execute(f"SELECT {columns} FROM log.events ORDER BY position".encode(), binary=True).fetchall()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=logs(), compressed=st.booleans())
def test_imported_log_is_the_exported_one(two_logs: tuple[str, str], tmp_path: Path, rows: list[tuple[Any, ...]], compressed: bool) -> None:
    here, there = two_logs
    emptied(here, rows)
    emptied(there, [])
    path = tmp_path / ("log.jsonl.gz" if compressed else "log.jsonl")
    exported = export_archive(here, path)
    assert exported.events == len(rows)
    assert import_archive(there, path) == exported
    assert stored(there) == rows == stored(here)
    assert list(verify_log(there)) == []
