"""Work that connections share out, and what a pass over the log holds in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import psycopg
import pytest
from psycopg.rows import TupleRow

from eventstore.codec import encode
from eventstore.events import Event
from eventstore.events.notes import NoteCreated, NoteTextSpliced
from eventstore.reader import LogRow
from projections.activity.writing import Writing
from projections.base import Projection
from projections.fold import CHUNK, Fold, FoldedRows
from projections.loops import connect
from projections.notes.projector import Notes
from projections.rebuild import rebuild
from projections.schema import create_tables
from projections.search.projector import Search
from projections.sharing import share_out
from tests.replay.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "many words " * 3000


def note(number: int, content: str) -> NoteCreated:
    return NoteCreated(
        originator_id=f"note-{number}", originator_version=1, timestamp=NOW, owner_id=1, uuid=f"uuid-{number}", title="T", description="",
        content=content, metadata_json="", course_id=None, is_public=False, editor_mode="P", note_type="N", source_note_uuid=None,
        client_draft_id=None, custom_meta="", module="", words=1, offline_source_id=None,
    )  # fmt: skip


def test_every_item_is_done_once_on_one_of_the_connections() -> None:
    done: list[tuple[int, str]] = []
    share_out(range(100), cast(Any, ("a", "b")), lambda item, connection: done.append((item, cast(str, connection))))
    assert sorted(item for item, _ in done) == list(range(100))


def test_after_an_error_nothing_further_is_begun() -> None:
    begun: list[int] = []

    def work(item: int, _: Any) -> None:
        begun.append(item)
        if item == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        share_out(range(100), cast(Any, ("one",)), work)
    assert begun == [0, 1, 2, 3]


def test_a_rebuild_stores_texts_as_a_save_does(store: Store) -> None:
    """Uncompressed: the settings of the table have to be there before its rows."""
    standing = ("originator_id", "originator_version", "timestamp")
    store.append("note-1", (NoteCreated, {name: value for name, value in vars(note(1, LONG)).items() if name not in standing}))
    how = "SELECT pg_column_compression(content), pg_column_compression(blocks), length(content) FROM notes.note_texts"
    saved = store.rows(how)
    rebuild(store.conninfo, store.projections)
    assert store.rows(how) == saved == [(None, None, len(LONG))]


def test_each_projection_is_told_once_all_its_rows_are_stored_those_that_are_slow_to_index_first(store: Store) -> None:
    projections: tuple[Projection, ...] = (Notes(), Search(), Writing())
    schemas = {projection: f"{projection.name}__told" for projection in projections}
    told: list[str] = []

    def when_stored(projection: Projection, connection: psycopg.Connection[TupleRow]) -> None:
        told.append(projection.name)
        for table in projection.tables:
            stored = connection.execute(f"SELECT count(*) FROM {schemas[projection]}.{table.name}".encode()).fetchone()
            assert stored == (0 if projection.name == "writing" else CHUNK + 5,)

    with connect(store.conninfo, "test") as connection, connect(store.conninfo, "test") as aside:
        for projection, schema in schemas.items():
            create_tables(connection, projection, schema)
        fold = Fold(connection, schemas, aside=aside)
        # Written by nobody, so that one projection has no rows.
        events = [note(number, "text") for number in range(1, CHUNK + 6)]
        fold.take(
            [LogRow(at, event.originator_id, 1, type(event).__name__, encode(event), b"{}", NOW) for at, event in enumerate(events, 1)]
        )
        fold.spill(when_stored)
    assert told[0] == "search"
    assert sorted(told) == ["notes", "search", "writing"]


def test_a_full_memory_is_not_measured_again_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    size = FoldedRows.size_of_texts

    def measured(rows: FoldedRows) -> int:
        sizes.append(size(rows))
        return sizes[-1]

    monkeypatch.setattr(FoldedRows, "size_of_texts", measured)
    budget = 1_000_000
    fold = Fold(cast(Any, None), {Notes(): "notes"}, budget=budget)
    monkeypatch.setattr(fold, "spill", lambda: pytest.fail("there was room"))
    # Nearly all that is allowed, and then a change of one of these notes after another.
    events: list[Event] = [note(number, LONG) for number in range(1, 29)]
    events += [
        NoteTextSpliced(originator_id="note-1", originator_version=version, timestamp=NOW, at=0, removed=10_000, inserted=LONG[:10_000])
        for version in range(2, 500)
    ]
    for position, event in enumerate(events, 1):
        fold.take([LogRow(position, event.originator_id, event.originator_version, type(event).__name__, encode(event), b"{}", NOW)])
    arrived = sum(len(encode(event)) for event in events)
    assert 0.9 * budget < max(sizes) < budget
    assert len(sizes) <= arrived / (budget / 8) + 1
