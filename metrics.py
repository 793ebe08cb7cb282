"""What the server counts, for Prometheus. Figures of all processes of one `serve` are added up through files in a shared folder."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

log = logging.getLogger("notechondria.metrics")

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 2.0, 10.0)

REQUESTS = Counter("notechondria_requests", "Requests by method, route template and status", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "notechondria_request_seconds", "Time until the answer begins by route template", ["method", "route"], buckets=SECONDS
)
REFUSED_REQUESTS = Counter("notechondria_limited_requests", "Requests refused by a limit", ["policy"])
COMMANDS = Counter("notechondria_commands", "Commands by channel and outcome", ["channel", "outcome"])
COMMAND_SECONDS = Histogram("notechondria_command_seconds", "Time of commands by channel", ["channel"], buckets=SECONDS)
EVENTS = Counter("notechondria_events", "Events appended", ["channel"])
POOL = Gauge("notechondria_pool_connections", "Database connections by pool and state", ["pool", "state"], multiprocess_mode="livesum")
POOL_WAITING = Gauge("notechondria_pool_waiting", "Requests that wait for a connection", ["pool"], multiprocess_mode="livesum")
MAILS = Counter("notechondria_mails", "Attempts to deliver a mail by outcome", ["outcome"])
FEEDS = Counter("notechondria_feed_fetches", "Fetches of calendar feeds by outcome", ["outcome"])


class Snapshot(Collector):
    """Figures that are asked for when somebody looks, in place of being counted."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        yield from self._families


def gauge(name: str, meaning: str, samples: Iterable[tuple[dict[str, str], float]]) -> Metric:
    """A figure of a snapshot, by its labels."""
    family = GaugeMetricFamily(f"notechondria_{name}", meaning)
    for labels, value in samples:
        family.add_sample(family.name, labels, value)
    return family


def exposition(folder: Path | None, snapshot: Iterable[Metric]) -> bytes:
    """Everything in the text format. folder: where the processes share their figures; None when there is one process.

    Without a folder that can be read, only the snapshot: what one of several processes has counted would be taken for the sum.
    """
    asked = CollectorRegistry()
    asked.register(Snapshot(snapshot))
    return _counted(folder) + generate_latest(asked)


def _counted(folder: Path | None) -> bytes:
    if folder is None:
        return generate_latest(REGISTRY)
    added_up = CollectorRegistry()
    try:
        MultiProcessCollector(added_up, path=str(folder))  # type: ignore[no-untyped-call]
        return generate_latest(added_up)
    except (OSError, ValueError) as error:
        log.warning("figures cannot be added up: %s", error if folder.exists() else f"{folder} is gone; the next start makes it anew")
        return b""


class CommandMeters(NamedTuple):
    """The counters of one kind of command."""

    commands: Counter
    seconds: Histogram
    events: Counter


@lru_cache(maxsize=256)
def command_meters(channel: str, outcome: str) -> CommandMeters:
    """By channel and outcome; time and events go by the channel alone."""
    return CommandMeters(COMMANDS.labels(channel, outcome), COMMAND_SECONDS.labels(channel), EVENTS.labels(channel))


@lru_cache(maxsize=4096)
def request_meters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The counters of one kind of request."""
    return REQUESTS.labels(method, route, str(status)), REQUEST_SECONDS.labels(method, route)
