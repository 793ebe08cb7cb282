"""What is done about calendars in the background, every few seconds: due sources, unread texts, years, leftovers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from reactors.feeds.sources import refresh_source
from reactors.feeds.store import Pool
from reactors.feeds.texts import prepare_years, read_given_texts
from reactors.following import Periodic
from reactors.outbound import Policy
from settings import Settings

EVERY = timedelta(seconds=5)
AT_ONCE = 4
BEGUN_WITHIN_S = 10.0
"""After so long a round begins with no further source: hosts that keep us waiting shall not look like a loop that has died."""
LEFT_OVER_AFTER = timedelta(days=1)

_DUE = """
SELECT DISTINCT ON (f.source_digest) f.source_digest, f.source_url, coalesce(s.url, f.source_url), coalesce(s.next_at, f.created_at) AS due
FROM calendars.feeds f LEFT JOIN feeds.sources s ON s.digest = f.source_digest
WHERE f.is_enabled AND f.deleted_at IS NULL AND f.text_digest IS NULL AND f.source_digest IS NOT NULL
  AND NOT coalesce(s.gone, false)
  -- A source that was tried in the future was tried before the clock went back: its next time may be far away.
  AND (coalesce(s.next_at, now()) <= now() OR s.tried_at > now() + interval '1 minute')
ORDER BY f.source_digest, f.id"""
_UNUSED_SOURCES = """
DELETE FROM feeds.sources s WHERE coalesce(tried_at, next_at) < now() - %(age)s
  AND NOT EXISTS (SELECT FROM calendars.feeds f WHERE f.source_digest = s.digest AND f.deleted_at IS NULL)"""
_UNUSED_TEXTS = """
DELETE FROM feeds.texts t WHERE read_at < now() - %(age)s
  AND NOT EXISTS (SELECT FROM feeds.sources s WHERE s.text_digest = t.digest)
  AND NOT EXISTS (SELECT FROM calendars.feeds f WHERE f.text_digest = t.digest AND f.deleted_at IS NULL)"""
_UNPREPARED = """
SELECT t.id FROM feeds.texts t
WHERE t.error IS NULL AND t.first_year <= %(year)s AND (t.last_year IS NULL OR t.last_year >= %(year)s)
  AND NOT EXISTS (SELECT FROM feeds.years y WHERE y.text_id = t.id AND y.year = %(year)s) LIMIT 5"""

log = structlog.get_logger("notechondria.calendars")


class FeedServices(Protocol):
    """What this works with."""

    @property
    def settings(self) -> Settings:
        """Where calendars may be fetched from."""

    @property
    def thread_pool(self) -> Pool:
        """Connections."""


def outbound_policy(settings: Settings) -> Policy:
    """Where calendars may be fetched from, as the operator chose."""
    return Policy(allow_private=settings.allow_private_feeds, allowed=settings.feed_allowed_hosts)


def keep_feeds(services: FeedServices) -> None:
    """One round: fetches what is due, a host at a time; reads what was not read; prepares the coming year; tidies up."""
    pool = services.thread_pool
    read_given_texts(pool)
    fetch_due(pool, outbound_policy(services.settings))
    drop_unused(pool, LEFT_OVER_AFTER)
    with pool.connection() as connection:
        texts = [row[0] for row in connection.execute(_UNPREPARED, {"year": datetime.now(UTC).year + 1})]
    if texts:
        prepare_years(pool, texts, [datetime.now(UTC).year + 1])


def drop_unused(pool: Pool, age: timedelta) -> None:
    """Deletes copies of calendars that no feed has read for so long."""
    with pool.connection() as connection:
        connection.execute(_UNUSED_SOURCES.encode(), {"age": age})
        connection.execute(_UNUSED_TEXTS.encode(), {"age": age})


def fetch_due(pool: Pool, policy: Policy) -> int:
    """Fetches the sources whose time has come, the longest due first, no two of one host at once; returns how many there are. What
    it does not come to is left to the next round.
    """
    began = time.monotonic()
    with pool.connection() as connection:
        due = sorted(connection.execute(_DUE.encode()).fetchall(), key=lambda row: row[3])
    hosts: dict[str, list[str]] = {}
    for _, named, present, _ in due:
        hosts.setdefault((urlsplit(present).hostname or "").lower(), []).append(named)

    def of_host(urls: list[str]) -> None:
        for url in urls:
            if time.monotonic() - began >= BEGUN_WITHIN_S:
                return
            refresh_source(pool, url, policy)

    with ThreadPoolExecutor(AT_ONCE, "feeds") as threads:
        for done in [threads.submit(of_host, urls) for urls in hosts.values()]:
            try:
                done.result()
            except Exception:
                log.exception("a calendar source could not be kept")
    return len(due)


FEEDS: Periodic[FeedServices] = Periodic("feeds", EVERY, keep_feeds)
