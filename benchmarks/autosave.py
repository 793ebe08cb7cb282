"""What autosaves of a long note cost: bytes in the log, time per save, time to load the note and to page its history.

    python -m benchmarks.autosave [--saves 10000] [--size 100000]

Each save adds one typed sentence somewhere in the text; every tenth takes a snapshot, as the apps do about once a minute.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import TypeVar
from uuid import uuid4

import psycopg

from benchmarks.machine import describe
from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from commands.notes.commands import ChangeNote, CreateNote, change_note, create_note
from commands.notes.versions import take_snapshot
from eventstore.embedded import ensure_running, stop
from projections.notes import past
from projections.reading import Query
from settings import load_settings
from wiring import Services, build_services, prepare

T = TypeVar("T")
SAMPLE = "the cell wall keeps its shape while water moves through small pores that open and close with light and time"
LARGEST_LOG = 5_000_000
SLOWEST_LOAD_MS = 10.0
ACCOUNT = 1


def main() -> None:
    """Measures and prints; exits 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saves", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=100_000)
    options = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        data.chmod(0o755)
        url = ensure_running(data)
        try:
            with _services(url, data) as services:
                reached = measure(services, url, options.saves, options.size)
        finally:
            stop(data)
    sys.exit(0 if reached else 1)


def measure(services: Services, url: str, saves: int, size: int) -> bool:
    """Saves, and looks what that came to."""
    chance = random.Random(7)
    text = "\n\n".join(_sentence(chance) + " " + _sentence(chance) for _ in range(size // 130))[:size]
    note_id = _run(services, lambda work: create_note(work, ACCOUNT, CreateNote(title="Long", content=text))).note_id
    before = _log_bytes(url)
    took = []
    for number in range(saves):
        at = text.find("\n\n", chance.randrange(len(text)))
        text = text[:at] + " " + _sentence(chance) + text[at:] if at > 0 else text + " " + _sentence(chance)
        command = ChangeNote(content=text)
        began = time.perf_counter()
        _run(services, lambda work: change_note(work, ACCOUNT, note_id, command))  # noqa: B023 - called at once
        took.append(time.perf_counter() - began)
        if number % 10 == 9:
            _run(services, lambda work: take_snapshot(work, ACCOUNT, note_id, "autosave_1m"))
    grown = _log_bytes(url) - before
    loads = [_timed(lambda: _load(services, note_id)) for _ in range(20)]
    print(f"{saves} saves of a note of {size:,} to {len(text):,} characters")
    print(f"log: {grown / 1e6:.2f} MB with indexes, {grown / saves:.0f} bytes each   (goal: below {LARGEST_LOG / 1e6:.0f} MB)")
    print(f"save: median {median(took) * 1000:.1f} ms, last hundred {median(took[-100:]) * 1000:.1f} ms")
    print(f"load from the log: median {median(loads) * 1000:.1f} ms   (goal: below {SLOWEST_LOAD_MS:.0f} ms)")
    versions = _versions(services, note_id)
    for name, wanted in {"newest 12": versions[:12], "oldest 12": versions[-12:], "a hundred": versions[:100]}.items():
        print(f"replay of versions, {name}: {_timed(lambda: _replay(services, note_id, wanted)) * 1000:.1f} ms")  # noqa: B023
    return grown < LARGEST_LOG and median(loads) * 1000 < SLOWEST_LOAD_MS


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(SAMPLE.split(), k=12)).capitalize() + "."


def _run(services: Services, decide: Callable[[Work[Lookups]], T]) -> T:
    return services.commands.run(decide, Context(actor=ACCOUNT, channel="web", request_id=uuid4().hex)).result


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _load(services: Services, note_id: int) -> None:
    cache = services.log.repository.cache
    assert cache is not None
    with suppress(KeyError):
        cache.get(Note.stream(note_id), evict=True)
    services.log.repository.get(Note.stream(note_id), projector_func=Note.project)


def _ask(services: Services, query: Query) -> tuple[object, ...]:
    with services.thread_pool.connection() as connection, connection.cursor(binary=True) as cursor:
        row = cursor.execute(query.sql.encode(), {**query.params, "viewer": ACCOUNT}).fetchone()
    assert row is not None
    return row


def _versions(services: Services, note_id: int) -> list[int]:
    return [entry.version for entry in past.entries(_ask(services, past.list_versions(note_id, 100_000, None, edits=False)))]


def _replay(services: Services, note_id: int, versions: list[int]) -> None:
    found = past.states(note_id, versions, _ask(services, past.replay(note_id, versions)))
    assert len(found) == len(versions)


def _log_bytes(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM log.events")
        row = connection.execute("SELECT pg_total_relation_size('log.events')").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _services(url: str, data: Path) -> Iterator[Services]:
    settings = load_settings(database_url=url, data_dir=data)
    prepare(settings)
    services = build_services(settings)
    services.thread_pool.open(wait=True)
    try:
        yield services
    finally:
        services.log.close()
        services.thread_pool.close()


if __name__ == "__main__":
    main()
