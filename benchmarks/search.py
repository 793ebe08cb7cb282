"""Searches in a library of many notes, over HTTP: latencies of whole requests, by kind of query.

    python -m benchmarks.search --url postgresql://...   (an empty database)   [--own 50000 --public 500000 --queries 200]

The read models are filled directly; what is measured is finding, not writing.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from api.app import Door, area_routes
from benchmarks.machine import describe
from projections.base import Table
from projections.notes.projector import NOTES, TEXTS, NoteRow, NoteTextRow
from projections.search.projector import ENTRIES, EntryRow
from settings import load_settings
from tests.door.people import sign_up
from tests.door.serving import serving
from wiring import build_services, prepare

WORDS = 40_000
"""Different words; how often each is used follows Zipf's law, as in real texts."""
LONGEST_TEXT = 120
START = datetime(2025, 1, 1, tzinfo=UTC)


class Writer:
    """Makes up titles and texts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        syllables = [a + b + c for a in "bcdfglmnprstv" for b in "aeiou" for c in ("", "n", "r", "s", "l")]
        self.words = ["".join(self.random.choices(syllables, k=self.random.choice((1, 2, 2, 3, 3, 4)))) for _ in range(WORDS)]
        self._cumulative: list[float] = []
        total = 0.0
        for rank in range(1, WORDS + 1):
            total += 1 / rank
            self._cumulative.append(total)

    def text(self, length: int) -> str:
        return " ".join(self.random.choices(self.words, cum_weights=self._cumulative, k=length))

    def word(self, low: int, high: int) -> str:
        """One of the words from rank low to rank high of frequency."""
        return self.words[self.random.randrange(low, high)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--own", type=int, default=5_000)
    parser.add_argument("--public", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(database_url=chosen.url, data_dir=Path(folder), rate_limits=False)
        prepare(settings)
        services = build_services(settings)
        writer = Writer(1)
        with serving(Door(services, area_routes())) as client:
            owner, other = sign_up(services), sign_up(services)
            began = time.monotonic()
            with psycopg.connect(chosen.url, autocommit=True) as connection:
                fill(connection, writer, [(owner.account_id, chosen.own, False), (other.account_id, chosen.public, True)])
            print(f"{describe()}\n{chosen.own} own and {chosen.public} public notes, filled in {time.monotonic() - began:.0f} s")
            client.headers.update(owner.headers)
            slow = [
                measure(client, scope, kind, ask, chosen.queries) for scope in ("personal", "all") for kind, ask in kinds(writer).items()
            ]
    return 1 if any(slow) else 0


def fill(connection: psycopg.Connection[Any], writer: Writer, owners: list[tuple[int, int, bool]]) -> None:
    """Loads the rows of the notes and of the index, and builds the indexes afterwards, as a rebuild does."""
    connection.execute("SET maintenance_work_mem = '256MB'")
    connection.execute("DROP INDEX search.entries_terms")
    connection.execute("DROP FUNCTION search.lookup(text[], integer)")
    rows = list_rows(writer, owners)
    batch: list[tuple[NoteRow, NoteTextRow, EntryRow]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == 5_000:
            copy(connection, batch)
            batch.clear()
    copy(connection, batch)
    connection.execute(ENTRIES.ddl.format(schema="search").encode())
    connection.execute("VACUUM ANALYZE notes.notes, notes.note_texts, search.entries")


def list_rows(writer: Writer, owners: list[tuple[int, int, bool]]) -> Iterator[tuple[NoteRow, NoteTextRow, EntryRow]]:
    note_id = 10_000_000
    for owner_id, count, is_public in owners:
        for nth in range(count):
            note_id += 1
            title, content = writer.text(writer.random.randint(1, 6)), writer.text(writer.random.randint(10, LONGEST_TEXT))
            moment = START + timedelta(seconds=nth)
            note = NoteRow(
                id=note_id, uuid=str(uuid.UUID(int=note_id)), owner_id=owner_id, course_id=None, title=title, description="",
                is_public=is_public, editor_mode="P", note_type="N", metadata_json="", custom_meta="", module="",
                source_note_uuid=None, client_draft_id=None, offline_source_id=None, excerpt=content[:220], preview="",
                created_at=moment, last_edit=moment, deleted_at=None, mark=1,
            )  # fmt: skip
            text = NoteTextRow(
                note_id=note_id, title=title, content=content, created_at=moment, edited_at=moment, explicit="",
                blocks_hold=False, blocks="[]", mark=1,
            )  # fmt: skip
            entry = EntryRow(
                note_id=note_id, owner_id=owner_id, course_id=None, is_public=is_public, is_deleted=False, title=title,
                description="", content=content, mark=nth,
            )  # fmt: skip
            note.finish()
            entry.finish()
            yield note, text, entry


def copy(connection: psycopg.Connection[Any], batch: list[tuple[NoteRow, NoteTextRow, EntryRow]]) -> None:
    tables: list[tuple[str, Table[Any]]] = [("notes", NOTES), ("notes", TEXTS), ("search", ENTRIES)]
    with connection.cursor() as cursor:
        for column, (schema, table) in enumerate(tables):
            with cursor.copy(table.copy_sql(schema).encode()) as stream:
                stream.set_types(table.types)
                for rows in batch:
                    stream.write_row(table.values_of(rows[column]))


def kinds(writer: Writer) -> dict[str, Callable[[], str]]:
    """What people type: frequent and rare words, several, beginnings, misspelt ones, ones that are nowhere."""

    def misspelt() -> str:
        words = writer.text(3)
        at = writer.random.randrange(1, len(words) - 1)
        return words[:at] + words[at + 1 :]

    return {
        "frequent word": lambda: writer.word(0, 50),
        "common word": lambda: writer.word(50, 1_000),
        "rare word": lambda: writer.word(5_000, WORDS),
        "two words": lambda: f"{writer.word(0, 500)} {writer.word(100, 5_000)}",
        "four words": lambda: writer.text(4),
        "beginning": lambda: writer.word(100, 10_000)[:4],
        "misspelt title": misspelt,
        "nowhere": lambda: "".join(writer.random.choices("qxzwjk", k=8)),
    }


def measure(client: httpx.Client, scope: str, kind: str, ask: Callable[[], str], queries: int) -> bool:
    """Prints the figures of one kind of query; whether they miss the goal of 50 ms for 95 of 100."""
    times: list[float] = []
    found = 0
    for nth in range(queries + 5):
        began = time.perf_counter()
        answer = client.get("/api/v1/notes/", params={"q": ask(), "limit": 20, "offset": 0, "scope": scope})
        answer.raise_for_status()
        if nth >= 5:
            times.append((time.perf_counter() - began) * 1000)
            found += answer.json()["total"]
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{scope:9} {kind:15} median {statistics.median(times):6.1f} ms   p95 {p95:6.1f} ms   matches {found / queries:7.1f}")
    return p95 > 50


if __name__ == "__main__":
    sys.exit(main())
