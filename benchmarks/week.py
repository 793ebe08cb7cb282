"""The week of an account with many subscribed calendars, and the front page, over HTTP: latencies of whole requests.

    python -m benchmarks.week --url postgresql://...   (an empty database)   [--feeds 20 --events 5000 --requests 300]

The calendars are read as the background reads them; a part of their events repeats.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from api.app import Door, area_routes
from benchmarks.machine import describe
from settings import load_settings
from tests.accounts.people import make_person
from tests.door.serving import serving
from wiring import build_services, prepare

DAYS = 3 * 365


def calendar(feed: int, events: int) -> str:
    """Three years of events with today in the middle, one in fifty of them weekly."""
    begin = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=DAYS // 2)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
    for number in range(events):
        start = begin + timedelta(days=number % DAYS, minutes=15 * (number % 40))
        lines += [
            "BEGIN:VEVENT", f"UID:{feed}-{number}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
            f"SUMMARY:Event {number} of calendar {feed}", "DESCRIPTION:What it is about\\, in some words", "LOCATION:Room 3",
            *(["RRULE:FREQ=WEEKLY;COUNT=20"] if number % 50 == 0 else []), "END:VEVENT",
        ]  # fmt: skip
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def measured(client: httpx.Client, path: str, requests: int) -> str:
    """Median, p95 and the size of the answer."""
    times = []
    for _ in range(requests):
        began = time.perf_counter()
        answer = client.get(path)
        times.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
    times.sort()
    return f"{statistics.median(times):.1f} ms median, {times[int(len(times) * 0.95)]:.1f} ms p95, {len(answer.content) / 1000:.0f} kB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--feeds", type=int, default=20)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--requests", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(database_url=options.url, data_dir=Path(folder), rate_limits=False)
        prepare(settings)
        services = build_services(settings)
        with serving(Door(services, area_routes())) as door:
            person = make_person(services)
            with httpx.Client(base_url=f"{door.base_url}/api/v1", headers=person.headers, timeout=120) as client:
                began = time.perf_counter()
                for feed in range(options.feeds):
                    body = {"title": f"Calendar {feed}", "raw_ical": calendar(feed, options.events)}
                    client.post("/calendar-feeds/", json=body).raise_for_status()
                print(describe())
                print(f"{options.feeds} calendars of {options.events} events imported in {time.perf_counter() - began:.1f} s")
                with services.thread_pool.connection() as connection:
                    connection.execute("ANALYZE")
                print("week:", measured(client, "/activity/week/", options.requests))
                print("month:", measured(client, "/activity/week/?days=30", options.requests))
                print("front page:", measured(client, "/front-page/", options.requests))
                print("heat map:", measured(client, "/heatmap/", options.requests))


if __name__ == "__main__":
    main()
