"""Fetching subscribed calendars: when, under which conditions, and what an answer means.

The last good copy stays whatever happens to the source. Failures are told to the feed's owners and tried again with
growing pauses; an address that says 410 is not asked any more.
"""

from __future__ import annotations

import email.message
import email.utils
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from metrics import FEEDS
from reactors.feeds.store import SOURCE_LOCK, Pool, digest_of, locked
from reactors.feeds.texts import LARGEST_TEXT, NOT_A_CALENDAR, looks_like_calendar, read_text
from reactors.outbound import AddressRefused, Answer, Policy, Unreachable, fetch, masked

USUAL_INTERVAL = timedelta(hours=1)
SHORTEST_INTERVAL = timedelta(minutes=15)
LONGEST_INTERVAL = timedelta(days=7)
FIRST_PAUSE = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(days=1)
EMPTY_ANSWERS = 3
"""So many good answers without events have to come before they replace a copy with events."""

CUT_OFF = "The answer ends before the calendar does: it holds no END:VCALENDAR."

HEADERS = {"User-Agent": "Notechondria/0.1 (+calendar-feed)", "Accept": "text/calendar, */*;q=0.1"}
HTTP_OK, HTTP_NOT_MODIFIED, HTTP_GONE, HTTP_TOO_MANY, HTTP_UNAVAILABLE = 200, 304, 410, 429, 503

log = structlog.get_logger("notechondria.calendars")

_KNOWN = """
SELECT url, text_digest, body_digest, etag, last_modified, failures, empty_answers, fetched_at, gone
FROM feeds.sources WHERE digest = %s"""
_NEW = "INSERT INTO feeds.sources (digest, url) VALUES (%s, %s) ON CONFLICT DO NOTHING"


@dataclass(slots=True)
class Source:
    """What is known about an address."""

    url: str
    text_digest: bytes | None
    body_digest: bytes | None
    etag: str | None
    last_modified: str | None
    failures: int
    empty_answers: int
    fetched_at: datetime | None
    gone: bool
    error: str | None = None
    next_at: datetime | None = None


def refresh_source(pool: Pool, url: str, policy: Policy, *, unless_newer_than: timedelta | None = None) -> Source:
    """Fetches an address as the feeds name it, and reads what it holds; returns what is known then.

    unless_newer_than: an answer of so short a time ago is good enough.
    """
    digest = digest_of(url.encode())
    with locked(pool, SOURCE_LOCK, digest):
        source = _load(pool, digest, url)
        now = datetime.now(UTC)
        if unless_newer_than is not None and source.fetched_at is not None and timedelta() <= now - source.fetched_at < unless_newer_than:
            return source
        try:
            _take(pool, source, fetch(source.url, _conditions(source), limit=LARGEST_TEXT, policy=policy))
        except AddressRefused as error:
            # Not a fault that passes by itself, and not one to be tried often.
            _fail(source, str(error), pause=LONGEST_PAUSE)
        except Unreachable as error:
            _fail(source, str(error))
        FEEDS.labels("good" if source.error is None else "failed").inc()
        if source.error is not None:
            log.warning("Calendar feed skipped: %s", source.error, source=masked(source.url), failures=source.failures)
        _store(pool, digest, source)
        return source


def _load(pool: Pool, digest: bytes, url: str) -> Source:
    with pool.connection() as connection, connection.cursor(binary=True) as cursor:
        cursor.execute(_NEW, (digest, url))
        row = cursor.execute(_KNOWN, (digest,)).fetchone()
    assert row is not None
    return Source(*row)


def _conditions(source: Source) -> Mapping[str, str]:
    conditions = dict(HEADERS)
    if source.text_digest is not None and source.empty_answers == 0:
        if source.etag:
            conditions["If-None-Match"] = source.etag
        if source.last_modified:
            conditions["If-Modified-Since"] = source.last_modified
    return conditions


def _take(pool: Pool, source: Source, answer: Answer) -> None:
    if answer.status == HTTP_NOT_MODIFIED and source.text_digest is not None:
        _succeed(pool, source, answer)
    elif answer.status == HTTP_OK:
        _take_body(pool, source, answer)
    elif answer.status == HTTP_GONE:
        source.gone = True
        _fail(source, "The address says that the calendar is gone for good (410).")
    else:
        pause = _retry_after(answer.headers) if answer.status in (HTTP_TOO_MANY, HTTP_UNAVAILABLE) else None
        _fail(source, f"The address answered with status {answer.status}.", pause=pause)


def _take_body(pool: Pool, source: Source, answer: Answer) -> None:
    body_digest = digest_of(answer.body)
    if body_digest == source.body_digest and source.text_digest is not None and source.empty_answers == 0:
        _succeed(pool, source, answer)
        return
    data = _in_utf8(answer)
    if not looks_like_calendar(data):
        _fail(source, NOT_A_CALENDAR)
        return
    text = read_text(pool, data)
    events, cut_off, error = _findings(pool, text)
    if error is None and cut_off and _is_whole(pool, source.text_digest):
        error = CUT_OFF
    if error is not None:
        _fail(source, error)
        return
    if not events and source.text_digest is not None and source.empty_answers + 1 < EMPTY_ANSWERS and _has_events(pool, source.text_digest):
        source.empty_answers += 1
        _succeed(pool, source, answer)
        return
    source.text_digest, source.empty_answers = digest_of(data), 0
    source.body_digest = body_digest
    source.etag = _header(answer, "etag")
    source.last_modified = _header(answer, "last-modified")
    _succeed(pool, source, answer)


def _in_utf8(answer: Answer) -> bytes:
    """The body; one that is no UTF-8 is believed to be of the charset that its Content-Type names."""
    declared = email.message.Message()
    declared["content-type"] = answer.headers.get("content-type", "")
    try:
        answer.body.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return answer.body.decode(declared.get_content_charset() or "", "strict").encode()
        except (LookupError, ValueError):
            # No such charset, or not of it: the reader finds out by what it sees.
            return answer.body
    return answer.body


def _header(answer: Answer, name: str) -> str | None:
    value = answer.headers.get(name, "")
    return value if 0 < len(value) <= 500 and value.isprintable() else None


def _succeed(pool: Pool, source: Source, answer: Answer) -> None:
    source.failures, source.error, source.gone = 0, None, False
    source.fetched_at = datetime.now(UTC)
    source.next_at = source.fetched_at + _jittered(_interval(pool, source.text_digest))
    if answer.moved_to is not None and len(answer.moved_to) <= 2000:
        source.url = answer.moved_to


def _fail(source: Source, error: str, pause: timedelta | None = None) -> None:
    source.failures += 1
    source.error = error
    usual = min(FIRST_PAUSE * 2 ** min(source.failures - 1, 16), LONGEST_PAUSE)
    source.next_at = datetime.now(UTC) + _jittered(max(usual, pause or usual))


def _jittered(pause: timedelta) -> timedelta:
    """A tenth more or less, so that sources that failed together do not come back together."""
    return pause * random.uniform(0.9, 1.1)  # noqa: S311 - nothing secret


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    text = headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 9:
        return min(timedelta(seconds=int(text)), LONGEST_INTERVAL)
    try:
        at = email.utils.parsedate_to_datetime(text)
        return min(max(at - datetime.now(UTC), timedelta()), LONGEST_INTERVAL)
    except (ValueError, TypeError):
        return None


def _interval(pool: Pool, digest: bytes | None) -> timedelta:
    with pool.connection() as connection:
        row = connection.execute("SELECT refresh_seconds FROM feeds.texts WHERE digest = %s", (digest,)).fetchone()
    if row is None or row[0] is None:
        return USUAL_INTERVAL
    return min(max(timedelta(seconds=row[0]), SHORTEST_INTERVAL), LONGEST_INTERVAL)


def _findings(pool: Pool, text: int) -> tuple[int, bool, str | None]:
    with pool.connection() as connection:
        row = connection.execute("SELECT event_count, cut_off, error FROM feeds.texts WHERE id = %s", (text,)).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _is_whole(pool: Pool, digest: bytes | None) -> bool:
    """Whether there is a copy that ends. Programs that never write an end are read all the same."""
    with pool.connection() as connection:
        row = connection.execute("SELECT NOT cut_off FROM feeds.texts WHERE digest = %s", (digest,)).fetchone()
    return row is not None and bool(row[0])


def _has_events(pool: Pool, digest: bytes) -> bool:
    with pool.connection() as connection:
        row = connection.execute("SELECT event_count > 0 FROM feeds.texts WHERE digest = %s", (digest,)).fetchone()
    return row is not None and bool(row[0])


def _store(pool: Pool, digest: bytes, source: Source) -> None:
    # The database's clock says when a source is due, so it says when that will be.
    pause = None if source.next_at is None else source.next_at - datetime.now(UTC)
    with pool.connection() as connection:
        connection.execute(
            "UPDATE feeds.sources SET url = %s, text_digest = %s, body_digest = %s, etag = %s, last_modified = %s, failures = %s,"
            " empty_answers = %s, fetched_at = %s, gone = %s, error = %s, next_at = coalesce(now() + %s, next_at), tried_at = now()"
            " WHERE digest = %s",
            (
                source.url,
                source.text_digest,
                source.body_digest,
                source.etag,
                source.last_modified,
                source.failures,
                source.empty_answers,
                source.fetched_at,
                source.gone,
                source.error,
                pause,
                digest,
            ),
        )
