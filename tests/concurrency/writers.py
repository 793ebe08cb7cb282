"""Writers that append, conflict, roll back and dawdle; run as threads and as processes."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import psycopg

from eventstore.codec import LogEvent
from eventstore.database import sync_pool
from eventstore.recorder import LogRecorder, VersionConflict
from tests.log.clusters import Pool
from tests.log.events import renamed

SHARED_STREAMS = 3


def write(pool: Pool, writer: int, commands: int) -> list[tuple[str, int]]:
    """Appends to streams of its own and, against the others, to shared ones; returns what was committed."""
    chance = random.Random(writer)
    recorder = LogRecorder(pool)
    committed: list[tuple[str, int]] = []
    for command in range(commands):
        events = [renamed(f"own-{writer}{command}", version) for version in range(1, chance.randint(2, 4))]
        kind = chance.random()
        if kind < 0.2:
            roll_back(pool, events)
            continue
        if kind < 0.5:
            shared = f"shared-{chance.randrange(SHARED_STREAMS)}"
            events.append(renamed(shared, len(recorder.select_events(shared)) + 1))
        try:
            recorder.insert_events(events)
        except VersionConflict:
            continue
        committed += [(str(event.originator_id), event.originator_version) for event in events]
    return committed


def roll_back(pool: Pool, events: Sequence[LogEvent]) -> None:
    """Takes positions and gives them up."""
    with pool.connection() as connection, connection.transaction(force_rollback=True):
        append(connection, events)


def append(connection: psycopg.Connection[tuple[object, ...]], events: Sequence[LogEvent]) -> list[int]:
    """Appends in the caller's transaction."""
    rows = connection.execute(
        "SELECT log.append(NULL, %s::text[], %s::int[], %s::text[], %s::bytea[], '{}', %s::timestamptz[])",
        (
            [event.originator_id for event in events],
            [event.originator_version for event in events],
            [event.topic for event in events],
            [event.state for event in events],
            [event.recorded_at for event in events],
        ),
    )
    return [int(str(position)) for (position,) in rows]


def write_in_process(url: str, writer: int, commands: int) -> list[tuple[str, int]]:
    with sync_pool(url, size=1, name="writer") as pool:
        return write(pool, writer, commands)


def dawdle(pool: Pool, stream: str, seconds: float) -> None:
    """Takes a position and commits much later."""
    with pool.connection() as connection, connection.transaction():
        append(connection, [renamed(stream, 1)])
        time.sleep(seconds)
