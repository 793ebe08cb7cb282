"""Subscribing to calendars, and looking at what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from reactors.feeds.store import digest_of
from reactors.outbound import Policy
from wiring import Services

LOCAL = Policy(allowed=("127.0.0.1",), seconds=5)


def subscribe(client: httpx.Client, url: str) -> dict[str, Any]:
    answer = client.post("/calendar-feeds/", json={"title": "Timetable", "source_kind": "S", "source_url": url})
    assert answer.status_code == 201, answer.text
    feed: dict[str, Any] = answer.json()
    return feed


def feed_of(client: httpx.Client, feed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/calendar-feeds/{feed['id']}/").json()
    return found


def titles(client: httpx.Client) -> list[str]:
    days = client.get("/activity/week/?start_date=2031-05-05").json()["days"]
    return [entry["title"] for day in days for entry in day["events"]]


def source_row(services: Services, url: str) -> dict[str, Any]:
    with services.thread_pool.connection() as connection:
        row = connection.execute("SELECT to_json(s) FROM feeds.sources s WHERE digest = %s", (digest_of(url.encode()),)).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def make_due(services: Services, url: str) -> None:
    with services.thread_pool.connection() as connection:
        connection.execute("UPDATE feeds.sources SET next_at = now() - interval '1 hour' WHERE digest = %s", (digest_of(url.encode()),))


def pass_minutes(services: Services, url: str, minutes: float) -> None:
    """What is known of this address becomes so much older."""
    with services.thread_pool.connection() as connection:
        connection.execute(
            "UPDATE feeds.sources SET next_at = next_at - %(by)s, tried_at = tried_at - %(by)s, fetched_at = fetched_at - %(by)s,"
            " quiet_until = quiet_until - %(by)s WHERE digest = %(digest)s",
            {"by": timedelta(minutes=minutes), "digest": digest_of(url.encode())},
        )
