"""When the servers of subscribed calendars are asked: by the background, by hand, and never by who looks at a week."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta, tzinfo
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import structlog

from reactors.feeds import schedule, sources
from reactors.feeds.schedule import fetch_due, keep_feeds
from reactors.feeds.sources import refresh_source
from tests.accounts.people import make_person
from tests.calendars.feed_server import (
    CALENDAR,
    FeedServer,
    body,
    status,
)
from tests.calendars.subscribing import LOCAL, make_due, pass_minutes, source_row, subscribe, titles
from wiring import Services


def test_the_week_asks_no_server(client: httpx.Client, server: FeedServer) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    subscribe(client, server.url("/a.ics"))
    before = len(server.requests)
    for _ in range(3):
        titles(client)
    assert len(server.requests) == before


def test_410_ends_the_asking(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/a.ics"] = status(410)
    feed = subscribe(client, server.url("/a.ics"))
    assert (feed["state"], feed["next_read"]) == ("gone", None)
    make_due(services, server.url("/a.ics"))
    keep_feeds(services)
    assert len(server.asked("/a.ics")) == 1


def test_pauses_grow_and_wishes_are_heard(client: httpx.Client, server: FeedServer, services: Services) -> None:
    url = server.url("/a.ics")
    server.answers["/a.ics"] = status(500)
    pauses = []
    for _ in range(4):
        source = refresh_source(services.thread_pool, url, LOCAL)
        assert source.next_at is not None
        pauses.append(source.next_at - datetime.now(UTC))
    assert all(later > sooner * 1.5 for sooner, later in pairwise(pauses))
    server.answers["/a.ics"] = status(503, Retry_After="7200")
    source = refresh_source(services.thread_pool, url, LOCAL)
    assert source.next_at is not None
    assert timedelta(minutes=105) < source.next_at - datetime.now(UTC) < timedelta(minutes=135)
    failures = source.failures
    server.answers["/a.ics"] = status(503, Retry_After="Mon, 01 Jan 2024 00:00:00 +99999999999999")
    assert refresh_source(services.thread_pool, url, LOCAL).failures == failures + 1


def test_a_fault_of_ours_puts_a_source_off_like_one_of_theirs(
    client: httpx.Client, server: FeedServer, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_data: bytes) -> bool:
        raise ZeroDivisionError

    url = server.url("/a.ics")
    server.answers["/a.ics"] = body(CALENDAR)
    feed = subscribe(client, url)
    server.answers["/a.ics"] = body(CALENDAR.replace(b"Lecture", b"Exercise"))
    monkeypatch.setattr(sources, "looks_like_calendar", broken)
    make_due(services, url)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            fetch_due(services.thread_pool, LOCAL)
    assert len(server.asked("/a.ics")) == 2
    assert source_row(services, url)["failures"] == 1
    assert client.get(f"/calendar-feeds/{feed['id']}/").json()["state"] == "failed"
    assert titles(client) == ["Lecture"]
    fault, skipped = lines
    assert (fault["log_level"], fault["exc_info"]) == ("error", True)
    assert f"skipped: {feed['id']} " in skipped["event"]


@pytest.mark.parametrize(
    ("wish", "low", "high"),
    [("PT1M", 13, 17), ("PT6H", 320, 400), ("P365D", 9000, 11100), ("never", 50, 70), ("-PT6H", 50, 70)],
)
def test_refresh_interval_within_bounds(
    server: FeedServer, services: Services, client: httpx.Client, wish: str, low: int, high: int
) -> None:
    head = f"VERSION:2.0\r\nREFRESH-INTERVAL;VALUE=DURATION:{wish}\r\n".encode()
    server.answers["/a.ics"] = body(CALENDAR.replace(b"VERSION:2.0\r\n", head))
    source = refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert source.next_at is not None
    assert timedelta(minutes=low) < source.next_at - datetime.now(UTC) < timedelta(minutes=high)


def set_clock(services: Services, by: timedelta) -> None:
    """What a clock that jumps so far leaves behind: the times that were noted before lie as far on the other side."""
    with services.thread_pool.connection() as connection:
        connection.execute(
            "UPDATE feeds.sources SET next_at = next_at - %(by)s, tried_at = tried_at - %(by)s, fetched_at = fetched_at - %(by)s",
            {"by": by},
        )


@pytest.mark.parametrize("hours", [-49, -5, 5, 49])
@pytest.mark.parametrize("fails", [False, True])
def test_a_clock_that_jumps_costs_one_fetch_and_no_wait(
    client: httpx.Client, server: FeedServer, services: Services, hours: int, fails: bool
) -> None:
    url = server.url("/a.ics")
    server.answers["/a.ics"] = status(500) if fails else body(CALENDAR)
    feed = subscribe(client, url)
    set_clock(services, timedelta(hours=hours))
    for _ in range(5):
        fetch_due(services.thread_pool, LOCAL)
    assert len(server.asked("/a.ics")) == 2
    pause = datetime.fromisoformat(source_row(services, url)["next_at"]) - datetime.now(UTC)
    assert timedelta() < pause < timedelta(hours=1, minutes=10)
    server.answers["/a.ics"] = body(CALENDAR)
    set_clock(services, -timedelta(hours=3))
    assert client.post(f"/calendar-feeds/{feed['id']}/refresh/").json()["state"] == "ok"
    assert len(server.asked("/a.ics")) == 3


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_server_whose_clock_is_not_the_databases_fetches_on_time(
    client: httpx.Client, server: FeedServer, services: Services, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    class Elsewhere(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Elsewhere:
            return cls.fromtimestamp(time.time() + hours * 3600, tz)

    url = server.url("/a.ics")
    monkeypatch.setattr(sources, "datetime", Elsewhere)
    for behaviour in (body(CALENDAR), status(500)):
        server.answers["/a.ics"] = behaviour
        refresh_source(services.thread_pool, url, LOCAL)
        pause = datetime.fromisoformat(source_row(services, url)["next_at"]) - datetime.now(UTC)
        assert timedelta() < pause < timedelta(hours=1, minutes=10)


def test_one_host_is_asked_one_thing_at_a_time(client: httpx.Client, server: FeedServer, services: Services) -> None:
    asking, at_once = [0], [0]

    def slow(handler: BaseHTTPRequestHandler) -> None:
        asking[0] += 1
        at_once[0] = max(at_once[0], asking[0])
        time.sleep(0.1)
        asking[0] -= 1
        body(CALENDAR)(handler)

    for number in range(5):
        server.answers[f"/{number}.ics"] = slow
        subscribe(client, server.url(f"/{number}.ics"))
        make_due(services, server.url(f"/{number}.ics"))
    at_once[0] = 0
    fetch_due(services.thread_pool, LOCAL)
    assert (len(server.requests), at_once[0]) == (10, 1)


def test_a_host_that_keeps_us_waiting_takes_no_more_than_its_part_of_a_round(
    client: httpx.Client, server: FeedServer, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each answer takes more than half of the time within which a round begins with a source.
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: len(server.requests) * 0.6 * schedule.BEGUN_WITHIN_S))
    for number in range(3):
        subscribe(client, server.url(f"/{number}.ics"))
        make_due(services, server.url(f"/{number}.ics"))
    for asked in (5, 6, 6):
        fetch_due(services.thread_pool, LOCAL)
        assert len(server.requests) == asked


def test_the_background_fetches_what_is_due_once_for_all_accounts(client: httpx.Client, server: FeedServer, services: Services) -> None:
    url = server.url("/a.ics")
    server.answers["/a.ics"] = body(CALENDAR)
    subscribe(client, url)
    stranger = make_person(services)
    client.post("/calendar-feeds/", json={"title": "Same", "source_url": url}, headers=stranger.headers)
    assert len(server.asked("/a.ics")) == 1
    make_due(services, url)
    fetch_due(services.thread_pool, LOCAL)
    assert len(server.asked("/a.ics")) == 2
    fetch_due(services.thread_pool, LOCAL)
    assert len(server.asked("/a.ics")) == 2


def test_hidden_and_removed_feeds_are_not_fetched(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    server.answers["/b.ics"] = body(CALENDAR)
    hidden, removed = subscribe(client, server.url("/a.ics")), subscribe(client, server.url("/b.ics"))
    client.patch(f"/calendar-feeds/{hidden['id']}/", json={"is_enabled": False})
    client.delete(f"/calendar-feeds/{removed['id']}/")
    make_due(services, server.url("/a.ics"))
    make_due(services, server.url("/b.ics"))
    keep_feeds(services)
    assert len(server.requests) == 2


def test_refresh_by_hand(client: httpx.Client, server: FeedServer, services: Services) -> None:
    url = server.url("/a.ics")
    server.answers["/a.ics"] = status(500)
    feed = subscribe(client, url)
    server.answers["/a.ics"] = body(CALENDAR)
    assert refresh(client, feed)["state"] == "failed"
    pass_minutes(services, url, 1)
    for _ in range(2):
        assert refresh(client, feed)["state"] == "ok"
    assert len(server.asked("/a.ics")) == 2


def refresh(client: httpx.Client, feed: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(f"/calendar-feeds/{feed['id']}/refresh/")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_nobody_asks_a_failing_server_more_than_once_a_minute(client: httpx.Client, server: FeedServer, services: Services) -> None:
    url = server.url("/a.ics")
    server.answers["/a.ics"] = status(500)
    feed = subscribe(client, url)
    stranger = make_person(services)
    for _ in range(3):
        assert "500" in refresh(client, feed)["error"]
        same = client.post("/calendar-feeds/", json={"title": "Same", "source_url": url}, headers=stranger.headers).json()
        assert "500" in same["import_summary"]["error"]
        client.delete(f"/calendar-feeds/{same['id']}/", headers=stranger.headers)
    assert len(server.asked("/a.ics")) == 1


def test_failures_by_hand_leave_the_background_its_time(
    client: httpx.Client, server: FeedServer, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Also where the dice give the next pause less than they gave this one.
    dice = itertools.count()
    monkeypatch.setattr("random.uniform", lambda low, high: high if next(dice) < 3 else low)
    url = server.url("/a.ics")
    server.answers["/a.ics"] = status(500)
    feed = subscribe(client, url)
    for _ in range(3):
        refresh_source(services.thread_pool, url, LOCAL)
    before = datetime.fromisoformat(source_row(services, url)["next_at"])
    for number in range(1, 5):
        pass_minutes(services, url, 1)
        refresh(client, feed)
        row = source_row(services, url)
        assert row["failures"] == 3
        assert abs(before - timedelta(minutes=number) - datetime.fromisoformat(row["next_at"])) < timedelta(seconds=2)
    assert len(server.asked("/a.ics")) == 8
    server.answers["/a.ics"] = body(CALENDAR)
    refresh_source(services.thread_pool, url, LOCAL)
    server.answers["/a.ics"] = status(500)
    pass_minutes(services, url, 1)
    refresh(client, feed)
    assert datetime.fromisoformat(source_row(services, url)["next_at"]) - datetime.now(UTC) < timedelta(minutes=3)


def test_who_wants_to_be_left_alone_is_not_asked_by_hand(client: httpx.Client, server: FeedServer, services: Services) -> None:
    url = server.url("/a.ics")
    server.answers["/a.ics"] = status(429, Retry_After="3600")
    feed = subscribe(client, url)
    assert datetime.fromisoformat(feed["next_read"]) - datetime.now(UTC) > timedelta(minutes=59)
    server.answers["/a.ics"] = body(CALENDAR)
    pass_minutes(services, url, 59)
    assert "429" in refresh(client, feed)["error"]
    pass_minutes(services, url, 2)
    assert refresh(client, feed)["state"] == "ok"
    assert len(server.asked("/a.ics")) == 2
