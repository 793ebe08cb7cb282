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

import psycopg
import structlog

from metrics import FEEDS
from reactors.feeds.store import SOURCE_LOCK, Pool, digest_of, locked
from reactors.feeds.texts import LARGEST_TEXT, NOT_A_CALENDAR, looks_like_calendar, read_text
from reactors.icalendar.lines import tells_encoding
from reactors.outbound import AddressRefused, Answer, Conditions, Policy, Unreachable, fetch, masked

USUAL_INTERVAL = timedelta(hours=1)
SHORTEST_INTERVAL = timedelta(minutes=15)
LONGEST_INTERVAL = timedelta(days=7)
FIRST_PAUSE = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(days=1)
BY_HAND_EVERY = timedelta(minutes=1)
"""So often at most is an address asked because somebody wants it, by all accounts together."""
EMPTY_ANSWERS = 3
"""So many good answers without events have to come before they replace a copy with events."""

CUT_OFF = "The answer ends before the calendar does: it holds no END:VCALENDAR."
OUR_FAULT = "The calendar could not be read because of a fault of this server."

HEADERS = {"User-Agent": "Notechondria/0.1 (+calendar-feed)", "Accept": "text/calendar, */*;q=0.1"}
SPREAD = 0.1
"""By this part of it a pause is longer or shorter."""
HTTP_OK, HTTP_NOT_MODIFIED, HTTP_GONE, HTTP_TOO_MANY, HTTP_UNAVAILABLE = 200, 304, 410, 429, 503

log = structlog.get_logger("notechondria.calendars")

_KNOWN = """
SELECT url, text_digest, etag, last_modified, validators_of, failures, empty_answers, fetched_at, gone, error,
       next_at - now(), now() - tried_at, quiet_until - now()
FROM feeds.sources WHERE digest = %s"""
_NEW = "INSERT INTO feeds.sources (digest, url) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_FED = """
SELECT id, title, count(*) OVER () FROM calendars.feeds
WHERE source_digest = %s AND text_digest IS NULL AND deleted_at IS NULL ORDER BY id LIMIT %s"""
NAMED_IN_LOG = 20


@dataclass(slots=True)
class Source:
    """What is known about an address."""

    url: str
    text_digest: bytes | None
    etag: str | None
    last_modified: str | None
    validators_of: str | None
    """The address, at the end of all redirects, whose ETag and Last-Modified these are."""
    failures: int
    empty_answers: int
    fetched_at: datetime | None
    gone: bool
    error: str | None
    due_in: timedelta | None
    """How long after now, by the clock of the database, it will be asked in the background."""
    tried_ago: timedelta | None
    quiet_for: timedelta | None
    """For so long it asked not to be asked (Retry-After)."""
    next_at: datetime | None = None


class Failed(Exception):
    """An answer that brings no calendar. The message is for the user."""

    def __init__(self, error: str, *, quiet_for: timedelta | None = None, gone: bool = False) -> None:
        super().__init__(error)
        self.quiet_for = quiet_for
        self.gone = gone


def refresh_source(pool: Pool, url: str, policy: Policy, *, by_hand: bool = False) -> Source:
    """Fetches an address as the feeds name it, and reads what it holds; returns what is known then.

    by_hand: somebody waits for it. What is known, good or bad, stands for a minute and for as long as the address wants to be
    left alone; a failure does not make the background wait any longer.
    """
    digest = digest_of(url.encode())
    with locked(pool, SOURCE_LOCK, digest):
        source = _load(pool, digest, url)
        if by_hand and _stands(source):
            return source
        failure: Failed | Unreachable | None
        try:
            failure = _fetch(pool, source, url, policy)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception:
            log.exception("a calendar source could not be kept", source=masked(source.url))
            failure = Failed(OUR_FAULT)
        if failure is not None:
            _fail(source, failure, by_hand=by_hand)
        FEEDS.labels("good" if failure is None else "failed").inc()
        if failure is not None:
            line = f"Calendar feed skipped: {_fed(pool, digest)}: {failure}"
            log.warning(line, source=masked(source.url), failures=source.failures)
        _store(pool, digest, source)
        return source


def _stands(source: Source) -> bool:
    """Whether what is known is not asked for again by hand. A source that was tried in the future was tried before the clock went back."""
    if source.tried_ago is None or source.tried_ago < timedelta():
        return False
    return source.tried_ago < BY_HAND_EVERY or (source.quiet_for is not None and source.quiet_for > timedelta())


def _fetch(pool: Pool, source: Source, url: str, policy: Policy) -> Failed | Unreachable | None:
    """Where the source is now; when that fails, a move is forgotten and the address that the feeds name is asked again."""
    while True:
        try:
            answer = fetch(source.url, HEADERS, limit=LARGEST_TEXT, policy=policy, conditions=_conditions(source))
            _take(pool, source, answer)
        except (Failed, Unreachable) as failure:
            if source.url == url:
                return failure
            source.url = url
            if isinstance(failure, Failed) and failure.quiet_for is not None:
                return failure
        else:
            return None


def _fed(pool: Pool, digest: bytes) -> str:
    """The feeds that read this source, with ids and titles, for the log."""
    with pool.connection() as connection:
        rows = connection.execute(_FED, (digest, NAMED_IN_LOG)).fetchall()
    if not rows:
        return "a new one"
    more = rows[0][2] - len(rows)
    return ", ".join(f"{feed_id} {title!r}" for feed_id, title, _ in rows) + (f" and {more} more" if more else "")


def _load(pool: Pool, digest: bytes, url: str) -> Source:
    with pool.connection() as connection, connection.cursor(binary=True) as cursor:
        cursor.execute(_NEW, (digest, url))
        row = cursor.execute(_KNOWN, (digest,)).fetchone()
    assert row is not None
    return Source(*row)


def _conditions(source: Source) -> Conditions | None:
    if source.text_digest is None or source.empty_answers or source.validators_of is None:
        return None
    validators = {"If-None-Match": source.etag, "If-Modified-Since": source.last_modified}
    return Conditions(source.validators_of, {name: value for name, value in validators.items() if value})


def _take(pool: Pool, source: Source, answer: Answer) -> None:
    if answer.status == HTTP_NOT_MODIFIED and source.text_digest is not None:
        _succeed(pool, source, answer)
    elif answer.status == HTTP_OK:
        _take_body(pool, source, answer)
    elif answer.status == HTTP_GONE:
        raise Failed("The address says that the calendar is gone for good (410).", gone=True)
    else:
        quiet_for = _retry_after(answer.headers) if answer.status in (HTTP_TOO_MANY, HTTP_UNAVAILABLE) else None
        raise Failed(f"The address answered with status {answer.status}.", quiet_for=quiet_for)


def _take_body(pool: Pool, source: Source, answer: Answer) -> None:
    data = _in_utf8(answer)
    text_digest = digest_of(data)
    if text_digest == source.text_digest and source.empty_answers == 0:
        _take_validators(source, answer)
        _succeed(pool, source, answer)
        return
    if not looks_like_calendar(data):
        raise Failed(NOT_A_CALENDAR)
    text = read_text(pool, data)
    events, cut_off, error = _findings(pool, text)
    if error is None and cut_off and _is_whole(pool, source.text_digest):
        error = CUT_OFF
    if error is not None:
        raise Failed(error)
    if not events and source.text_digest is not None and source.empty_answers + 1 < EMPTY_ANSWERS and _has_events(pool, source.text_digest):
        source.empty_answers += 1
        _succeed(pool, source, answer)
        return
    source.text_digest, source.empty_answers = text_digest, 0
    _take_validators(source, answer)
    _succeed(pool, source, answer)


def _take_validators(source: Source, answer: Answer) -> None:
    source.etag = _header(answer, "etag")
    source.last_modified = _header(answer, "last-modified")
    source.validators_of = answer.url if source.etag or source.last_modified else None


def _in_utf8(answer: Answer) -> bytes:
    """The body; one that does not show what it is itself is believed to be of the charset that its Content-Type names."""
    if tells_encoding(answer.body):
        return answer.body
    declared = email.message.Message()
    declared["content-type"] = answer.headers.get("content-type", "")
    try:
        return answer.body.decode(declared.get_content_charset() or "", "strict").encode()
    except (LookupError, ValueError):
        # No such charset, or not of it: the reader finds out by what it sees.
        return answer.body


def _header(answer: Answer, name: str) -> str | None:
    value = answer.headers.get(name, "")
    return value if 0 < len(value) <= 500 and value.isprintable() else None


def _succeed(pool: Pool, source: Source, answer: Answer) -> None:
    source.failures, source.error, source.gone, source.quiet_for = 0, None, False, None
    source.fetched_at = datetime.now(UTC)
    source.next_at = source.fetched_at + _jittered(_interval(pool, source.text_digest))
    if answer.moved_to is not None and len(answer.moved_to) <= 2000:
        source.url = answer.moved_to


def _fail(source: Source, failure: Failed | Unreachable, *, by_hand: bool) -> None:
    source.error = str(failure)
    source.quiet_for = failure.quiet_for if isinstance(failure, Failed) else None
    if isinstance(failure, Failed) and failure.gone:
        source.gone = True
    if not by_hand:
        source.failures += 1
    pause = min(FIRST_PAUSE * 2 ** min(max(source.failures - 1, 0), 16), LONGEST_PAUSE)
    if isinstance(failure, AddressRefused):
        # Not a fault that passes by itself, and not one to be tried often.
        pause = LONGEST_PAUSE
    wait = _jittered(pause)
    if by_hand and source.due_in is not None and timedelta() < source.due_in < pause * (1 + SPREAD):
        wait = source.due_in
    if source.quiet_for is not None:
        wait = max(wait, _jittered(source.quiet_for), source.quiet_for)
    source.next_at = datetime.now(UTC) + wait


def _jittered(pause: timedelta) -> timedelta:
    """A little more or less, so that sources that failed together do not come back together."""
    return pause * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - nothing secret


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    text = headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 9:
        return min(timedelta(seconds=int(text)), LONGEST_INTERVAL)
    try:
        at = email.utils.parsedate_to_datetime(text)
        return min(max(at - datetime.now(UTC), timedelta()), LONGEST_INTERVAL)
    except (ValueError, TypeError, OverflowError):
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
            "UPDATE feeds.sources SET url = %s, text_digest = %s, etag = %s, last_modified = %s, validators_of = %s,"
            " failures = %s, empty_answers = %s, fetched_at = %s, gone = %s, error = %s,"
            " next_at = coalesce(now() + %s, next_at), tried_at = now(), quiet_until = now() + %s"
            " WHERE digest = %s",
            (
                source.url,
                source.text_digest,
                source.etag,
                source.last_modified,
                source.validators_of,
                source.failures,
                source.empty_answers,
                source.fetched_at,
                source.gone,
                source.error,
                pause,
                source.quiet_for,
                digest,
            ),
        )
