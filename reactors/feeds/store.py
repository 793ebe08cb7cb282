"""The tables of the schema feeds: texts, their entries, and the sources that they come from."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.locks import exclusively
from reactors.icalendar.contents import Reading
from reactors.icalendar.rows import COLUMNS

Pool = ConnectionPool[Connection[TupleRow]]

READER = 6
"""Raised when reading changes, so that all texts are read again."""
TOLD_REJECTED = 50
CHUNK = 2**18
"""Bytes of rows that are sent to the database at once."""
TEXT_LOCK = 7266106
SOURCE_LOCK = 7266104


def digest_of(data: bytes) -> bytes:
    """What a text or an address is known by."""
    return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class Summary:
    """What reading a text came to, for the one who imports it."""

    event_count: int
    rejected_count: int
    error: str | None
    samples: list[dict[str, Any]]


def locked(pool: Pool, kind: int, digest: bytes) -> AbstractContextManager[None]:
    """Only one process at a time works on this text or source; others wait as long as the slowest of servers takes."""
    return exclusively(pool, kind, int.from_bytes(digest[:4], "big", signed=True))


def text_id(pool: Pool, digest: bytes) -> int | None:
    """The text's number, if the present reader has read it."""
    with pool.connection() as connection:
        row = connection.execute("SELECT id FROM feeds.texts WHERE digest = %s AND reader >= %s", (digest, READER)).fetchone()
    return row[0] if row else None


def next_text_id(pool: Pool) -> int:
    """The number of a text that is going to be read."""
    with pool.connection() as connection:
        row = connection.execute("SELECT nextval(pg_get_serial_sequence('feeds.texts', 'id'))").fetchone()
    assert row is not None
    return int(row[0])


def keep_text(pool: Pool, text: int, digest: bytes, data: bytes, reading: Reading, rows: memoryview, error: str | None) -> None:
    """Stores a text under its number with the rows of its entries, in place of what an older reader made of it."""
    rejected = [{"line": item.line, "item": item.item, "reason": item.reason} for item in reading.rejected[:TOLD_REJECTED]]
    packed = zlib.compress(data, 6)
    with pool.connection() as connection, connection.transaction():
        connection.execute("DELETE FROM feeds.texts WHERE digest = %s", (digest,))
        connection.execute(
            "INSERT INTO feeds.texts (id, digest, packed, reader, error, name, event_count, rejected_count, rejected,"
            " refresh_seconds, first_year, last_year, cut_off) OVERRIDING SYSTEM VALUE"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::json, %s, %s, %s, %s)",
            (
                text,
                digest,
                packed,
                READER,
                error,
                reading.name,
                reading.event_count,
                reading.rejected_count,
                orjson.dumps(rejected).decode(),
                reading.refresh_seconds,
                reading.first_year,
                reading.last_year,
                reading.cut_off,
            ),
        )
        _copy_entries(connection, rows)
        _note_years(connection, text, reading.years)


def keep_years(pool: Pool, text: int, years: Iterable[int], rows: memoryview) -> None:
    """Adds the repetitions of further years."""
    with pool.connection() as connection, connection.transaction():
        _note_years(connection, text, years)
        _copy_entries(connection, rows)


def _note_years(connection: Connection[TupleRow], text: int, years: Iterable[int]) -> None:
    connection.execute("INSERT INTO feeds.years (text_id, year) SELECT %s, unnest(%s::int[]) ON CONFLICT DO NOTHING", (text, list(years)))


def _copy_entries(connection: Connection[TupleRow], rows: memoryview) -> None:
    with connection.cursor().copy(f"COPY feeds.entries ({COLUMNS}) FROM STDIN".encode()) as copy:
        for start in range(0, len(rows), CHUNK):
            copy.write(bytes(rows[start : start + CHUNK]))


def summary_of(pool: Pool, text: int, samples: int) -> Summary:
    """What reading the text came to, with some of its entries: the next ones, else the last."""
    with pool.connection() as connection:
        head = connection.execute("SELECT event_count, rejected_count, error FROM feeds.texts WHERE id = %s", (text,)).fetchone()
        rows = connection.execute(
            "SELECT coalesce(title, '\"\"'), starts_at, ends_at FROM feeds.entries WHERE text_id = %s"
            " ORDER BY starts_at < now(), abs(extract(epoch FROM starts_at - now())) LIMIT %s",
            (text, samples),
        ).fetchall()
    if head is None:
        return Summary(0, 0, None, [])
    shown = [{"title": orjson.loads(title), "starts_at": starts_at, "ends_at": ends_at} for title, starts_at, ends_at in rows]
    return Summary(head[0], head[1], head[2], shown)


def packed_text(pool: Pool, text: int) -> tuple[bytes, bytes] | None:
    """(digest, text) of a stored text."""
    with pool.connection() as connection, connection.cursor(binary=True) as cursor:
        row = cursor.execute("SELECT digest, packed FROM feeds.texts WHERE id = %s", (text,)).fetchone()
    return None if row is None else (bytes(row[0]), zlib.decompress(row[1]))


def missing_years(pool: Pool, text: int, years: Iterable[int]) -> list[int]:
    """Of these years those for which nothing was computed yet."""
    wanted = list(years)
    with pool.connection() as connection:
        known = {row[0] for row in connection.execute("SELECT year FROM feeds.years WHERE text_id = %s AND year = ANY(%s)", (text, wanted))}
    return [year for year in wanted if year not in known]
