"""Snapshots make long streams cheap to load, and stay cheap themselves."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from commands.aggregate import Aggregate, evolves
from commands.context import Context
from commands.handling import Handling, Work
from eventstore.application import Log
from eventstore.cache import AggregateCache
from eventstore.events import notes
from eventstore.snapshots import OLDER_KEPT, SHAPES, Snapshot, SnapshotCodec
from eventstore.splices import spliced
from tests.log.clusters import Pool

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EDITS = 10_000
EDITS_AT_ONCE = 20
EVERY = 50


class Essay(Aggregate):
    kind = "essay"
    snapshot_every = EVERY
    content: str

    @evolves(notes.NoteTextReplaced)
    def _replaced(self, event: notes.NoteTextReplaced) -> None:
        self.content = event.content

    @evolves(notes.NoteTextSpliced)
    def _spliced(self, event: notes.NoteTextSpliced) -> None:
        self.content = spliced(self.content, (event.splice,))


def write_essay(handling: Handling[Any], edits: int) -> str:
    """A text of 100 kB that hardly compresses, edited sentence by sentence."""
    chance = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ."

    def start(work: Work[Any]) -> None:
        work.new(Essay, 1).trigger(notes.NoteTextReplaced, NOW, content="".join(chance.choices(letters, k=100_000)))

    def edit(work: Work[Any]) -> None:
        essay = work.find(Essay, 1)
        assert essay is not None
        for _ in range(EDITS_AT_ONCE):
            sentence = "".join(chance.choices(letters, k=60))
            essay.trigger(notes.NoteTextSpliced, NOW, at=chance.randrange(90_000), removed=60, inserted=sentence)

    handling.run(start, Context(actor=1, channel="web"))
    for _ in range(edits // EDITS_AT_ONCE):
        handling.run(edit, Context(actor=1, channel="web"))
    handling.log.flush()
    essay: Essay = handling.log.repository.get("essay-1", projector_func=Essay.project)
    return essay.content


def events_read(pool: Pool, version: int | None = None) -> tuple[Essay, int]:
    """The essay as another process loads it, and how many events that took."""
    log = Log(pool)
    counted: list[int] = []
    select = log.recorder.select_events

    def counting(*args: Any, **kwargs: Any) -> Any:
        found = select(*args, **kwargs)
        counted.append(len(found))
        return found

    log.recorder.select_events = counting  # type: ignore[method-assign]
    essay: Essay = log.repository.get("essay-1", version=version, projector_func=Essay.project)
    log.close()
    return essay, sum(counted)


def test_long_stream_loads_like_a_short_one_and_costs_little(handling: Handling[Any], pool: Pool, log_url: str) -> None:
    content = write_essay(handling, EDITS)
    essay, read = events_read(pool)
    assert (essay.content, essay.version) == (content, EDITS + 1)
    assert read <= EVERY + EDITS_AT_ONCE
    # Any older version is near a snapshot as well.
    for version in (EDITS // 3, EDITS // 2, EDITS - 777):
        older, read = events_read(pool, version)
        assert older.version == version
        assert read <= EDITS // OLDER_KEPT * 2
    with psycopg.connect(log_url, autocommit=True) as connection:
        connection.execute("VACUUM FULL log.snapshots")
        row = connection.execute(
            "SELECT pg_total_relation_size('log.events') + pg_total_relation_size('log.snapshots'), (SELECT count(*) FROM log.snapshots)"
        ).fetchone()
    assert row is not None
    size, snapshots = row
    assert snapshots <= 2 * OLDER_KEPT
    assert size < 5 * 10**6, f"{size} bytes with {snapshots} snapshots"


def test_snapshots_of_another_shape_are_not_used(handling: Handling[Any], pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_essay(handling, 200)
    assert events_read(pool)[1] < 100
    monkeypatch.setitem(SHAPES, "essay", 2)
    essay, read = events_read(pool)
    assert (essay.content, read) == (content, 201)


def test_snapshot_keeps_every_kind_of_value() -> None:
    state = {
        "text": "ü", "none": None, "flag": True, "tuple": (1, ("a",)), "set": frozenset({"a", "b"}), "when": NOW,
        "dict": {1: ("x",), "tuple": {}}, "list": [1, {"set": 2}],
    }  # fmt: skip
    codec = SnapshotCodec()
    snapshot = Snapshot("essay-1", 5, NOW + timedelta(microseconds=1), 1, EVERY, state)
    assert codec.to_domain_event(codec.to_stored_event(snapshot)) == snapshot
    with pytest.raises(TypeError, match="cannot hold a object"):
        codec.to_stored_event(Snapshot("essay-1", 5, NOW, 1, EVERY, {"odd": object()}))


def test_cache_is_bounded_by_weight() -> None:
    cache = AggregateCache(max_bytes=1_000_000)
    for number in range(20):
        essay = Essay(f"essay-{number}")
        essay.content = "x" * 100_000
        cache.put(essay.id, essay)
    kept = [number for number in range(20) if _has(cache, f"essay-{number}")]
    assert kept == list(range(kept[0], 20))
    assert 5 < len(kept) < 10
    heavy = Essay("essay-99")
    heavy.content = "x" * 2_000_000
    cache.put(heavy.id, heavy)
    assert not _has(cache, heavy.id)
    assert _has(cache, "essay-19")


def test_aggregate_that_has_grown_since_is_weighed_anew() -> None:
    cache = AggregateCache(max_bytes=1_000_000)
    first, second = Essay("essay-1"), Essay("essay-2")
    first.content = second.content = "x" * 1000
    cache.put(first.id, first)
    cache.put(second.id, second)
    second.content = "x" * 999_000
    second.version += 1
    cache.renew(second.id, second)
    assert cache.get(second.id).content == second.content
    assert not _has(cache, first.id)


def test_what_is_kept_changes_only_to_something_newer_that_was_not_taken_out() -> None:
    cache = AggregateCache()
    kept = Essay("essay-1")
    kept.version, kept.content = 2, "kept"
    cache.put(kept.id, kept)
    kept.content = cache.get(kept.id).content = "changed apart"
    kept.version = 1
    cache.renew(kept.id, kept)
    assert cache.get(kept.id).content == "kept"
    cache.get(kept.id, evict=True)
    kept.version = 3
    cache.renew(kept.id, kept)
    assert not _has(cache, kept.id)


def _has(cache: AggregateCache, key: str) -> bool:
    try:
        cache.get(key)
    except KeyError:
        return False
    return True
