"""Reading calendar texts into the store: whole ones, and further years of repetitions when somebody looks that far."""

from __future__ import annotations

import base64
import math
import re
import threading
import time
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime

import orjson
import structlog

from reactors.feeds.store import (
    READER,
    TEXT_LOCK,
    Pool,
    digest_of,
    keep_text,
    keep_years,
    locked,
    missing_years,
    next_text_id,
    packed_text,
    text_id,
)
from reactors.icalendar.apart import ReadingFailed, read_apart
from reactors.icalendar.contents import Reading, possible_year, usual_years

NOT_A_CALENDAR = "This is not a calendar: it holds no BEGIN:VCALENDAR."
LARGEST_TEXT = 10 * 2**20
AT_ONCE = 5
"""So many texts of each sort are read again in one go."""
NOTHING = memoryview(b"")
PREPARING_SECONDS = 5.0
"""How long a request computes repetitions, the last calendar aside. What it did not come to is computed at the next look."""
PATIENCE_SECONDS = 2.0
"""How long it waits for others that do. Then the week comes without these repetitions."""
preparing = threading.BoundedSemaphore(2)
"""Requests that compute, so that those of somebody who leafs through the centuries leave threads for everybody else."""

_GIVEN = """
SELECT data FROM log.events WHERE stream = %s AND type = 'CalendarTextGiven' AND length(data) > 0 ORDER BY version DESC LIMIT 1"""
_UNREAD = """
SELECT f.id FROM calendars.feeds f LEFT JOIN feeds.texts t ON t.digest = f.text_digest AND t.reader >= %s
WHERE f.text_digest IS NOT NULL AND f.deleted_at IS NULL AND t.id IS NULL ORDER BY f.id DESC LIMIT %s"""

_OUTDATED = "SELECT id FROM feeds.texts WHERE reader < %s ORDER BY id DESC LIMIT %s"

_CALENDAR = re.compile(rb"B\0*E\0*G\0*I\0*N\0*:\0*V\0*C\0*A\0*L\0*E\0*N\0*D\0*A\0*R", re.IGNORECASE)
"""Also in encodings of two and four bytes."""

log = structlog.get_logger("notechondria.calendars")


def looks_like_calendar(data: bytes) -> bool:
    """Whether there is a calendar in it somewhere; sign-in pages with status 200 have none."""
    return _CALENDAR.search(data) is not None


def read_text(pool: Pool, data: bytes) -> int:
    """Reads a text unless that was done before; returns its number."""
    digest = digest_of(data)
    known = text_id(pool, digest)
    if known is not None:
        return known
    with locked(pool, TEXT_LOCK, digest):
        known = text_id(pool, digest)
        if known is not None:
            return known
        text, rows, error = next_text_id(pool), NOTHING, None
        try:
            reading, rows = read_apart(data, usual_years(datetime.now(UTC)), text_id=text)
            if not reading.is_calendar:
                error = NOT_A_CALENDAR
        except ReadingFailed as failure:
            reading, error = Reading(is_calendar=True), str(failure)
        keep_text(pool, text, digest, data, reading, rows, error)
        return text


def prepare_years(pool: Pool, texts: Iterable[int], years: Iterable[int], *, seconds: float = math.inf) -> None:
    """Computes the repetitions of these years where that was not done yet. Begins with no further text after so many seconds."""
    wanted = [year for year in years if possible_year(year)]
    began = time.monotonic()
    for number, text in enumerate(texts):
        if number and time.monotonic() - began >= seconds:
            return
        if not missing_years(pool, text, wanted):
            continue
        found = packed_text(pool, text)
        if found is None:
            continue
        digest, data = found
        with locked(pool, TEXT_LOCK, digest):
            missing = missing_years(pool, text, wanted)
            if not missing:
                continue
            try:
                _, rows = read_apart(data, missing, text_id=text, repeating_only=True)
            except ReadingFailed as failure:
                log.warning("further years of a calendar cannot be computed", text=text, cause=str(failure))
                rows = NOTHING
            keep_years(pool, text, missing, rows)


def prepare_for_a_look(pool: Pool, texts: Iterable[int], years: Iterable[int]) -> None:
    """The same for somebody who waits: within what is left to them of time and of turns. Once done, they stay."""
    if preparing.acquire(timeout=PATIENCE_SECONDS):
        try:
            prepare_years(pool, texts, years, seconds=PREPARING_SECONDS)
        finally:
            preparing.release()


def read_given_texts(pool: Pool) -> int:
    """Reads again what an older reader read, and pasted texts that the store does not have, out of the log; returns how many."""
    with pool.connection() as connection:
        outdated = [row[0] for row in connection.execute(_OUTDATED, (READER, AT_ONCE))]
    for text in outdated:
        if (found := packed_text(pool, text)) is not None:
            read_text(pool, found[1])
    with pool.connection() as connection:
        feeds = [row[0] for row in connection.execute(_UNREAD, (READER, AT_ONCE))]
    for feed in feeds:
        data = given_text(pool, feed)
        if data is not None:
            read_text(pool, data)
    return len(outdated) + len(feeds)


def given_text(pool: Pool, feed_id: int) -> bytes | None:
    """The text that was pasted last into this feed, out of the log."""
    with pool.connection() as connection, connection.cursor(binary=True) as cursor:
        row = cursor.execute(_GIVEN, (f"calendar-feed-{feed_id}",)).fetchone()
    return None if row is None else zlib.decompress(base64.b64decode(orjson.loads(row[0])["packed"]))
