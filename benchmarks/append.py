"""Appends per second of single events, one transaction each, by processes that write at the same time.

    python -m benchmarks.append [--seconds 5] [--rounds 3] [--writers 8]

In turn in one run, on the embedded PostgreSQL: our recorder; the recorder that comes with the library `eventsourcing`, in the
mode in which followers lose no event; and pgbench inserting the same rows into a table with the same columns and indexes, which
is what the database itself can do.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks.machine import describe
from eventstore.codec import LogEvent
from eventstore.database import sync_pool
from eventstore.embedded import ensure_running, stop
from eventstore.migrate import migrate
from eventstore.programs import program_folder
from eventstore.recorder import LogRecorder

PAYLOAD = b'{"at":1234,"removed":0,"inserted":"' + b"A sentence that somebody has just typed. " * 6 + b'"}'
METADATA = b'{"actor":8,"channel":"web","command":"0123456789abcdef","request_id":"d1b4c3a2","session":412}'
TYPE = "NoteTextSpliced"

SAME_TABLE = """
CREATE SCHEMA IF NOT EXISTS bench;
DROP TABLE IF EXISTS bench.events;
CREATE TABLE bench.events (LIKE log.events INCLUDING ALL);
"""
SCRIPT = f"""
\\set note random(1, 1000000000000)
INSERT INTO bench.events (stream, version, type, data, metadata, recorded_at, actor, undoes)
VALUES ('note-' || :note, 1, '{TYPE}', '{PAYLOAD.decode()}', '{METADATA.decode()}', now(), 8, false);
"""

Append = Callable[[str], object]
Maker = Callable[[str], AbstractContextManager[Append]]


@contextmanager
def ours(url: str) -> Iterator[Append]:
    # Threads of the server keep their connections as well.
    with sync_pool(url, size=1, name="benchmark") as pool, pool.keeping():
        recorder = LogRecorder(pool)
        yield lambda stream: recorder.insert_events([LogEvent(stream, 1, TYPE, PAYLOAD, recorded_at=datetime.now(UTC))], metadata=METADATA)


def stock_recorder(url: str) -> PostgresApplicationRecorder:
    place = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    datastore = PostgresDatastore(
        place["dbname"], place["host"], place.get("port", "5432"), place["user"], "", pool_size=1, originator_id_type="text"
    )
    return PostgresApplicationRecorder(datastore, events_table_name="bench_stock_events")


@contextmanager
def stock(url: str) -> Iterator[Append]:
    recorder = stock_recorder(url)
    yield lambda stream: recorder.insert_events([StoredEvent(stream, 1, TYPE, PAYLOAD)])


def writer(make: Maker, url: str, seconds: float, start: Barrier, done: multiprocessing.Queue[int]) -> None:
    mine = secrets.token_hex(4)
    with make(url) as append:
        for warm in range(20):
            append(f"warm-{mine}-{warm}")
        start.wait()
        end = time.perf_counter() + seconds
        for number in itertools.count():
            if time.perf_counter() >= end:
                done.put(number)
                # Nothing is cleaned up: what the pools' threads would wait for does not belong to the figure.
                done.close()
                done.join_thread()
                os._exit(0)
            append(f"note-{mine}-{number}")


def by_processes(make: Maker, url: str, seconds: float, writers: int) -> float:
    context = multiprocessing.get_context("spawn")
    start, done = context.Barrier(writers), context.Queue()
    processes = [context.Process(target=writer, args=(make, url, seconds, start, done)) for _ in range(writers)]
    for process in processes:
        process.start()
    total: int = sum(done.get(timeout=seconds + 60) for _ in processes)
    for process in processes:
        process.join()
    return total / seconds


def by_pgbench(url: str, seconds: float, writers: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(SCRIPT)
        command = [str(program_folder() / "pgbench"), "-n", "-M", "prepared", "-c", str(writers), "-j", "1"]
        command += ["-T", str(int(seconds)), "-f", str(script), url]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"tps = ([\d.]+)", output)
    assert found is not None, output
    return float(found.group(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--writers", type=int, default=8)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ntc-append-"))
    try:
        url = ensure_running(folder)
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SAME_TABLE)
        # Once, before the processes: made by several at once it fails.
        recorder = stock_recorder(url)
        recorder.create_table()
        recorder.datastore.close()
        rates: dict[str, list[float]] = {"ours": [], "stock": [], "pgbench": []}
        for _ in range(options.rounds):
            rates["ours"].append(by_processes(ours, url, options.seconds, options.writers))
            rates["stock"].append(by_processes(stock, url, options.seconds, options.writers))
            rates["pgbench"].append(by_pgbench(url, options.seconds, options.writers))
    finally:
        stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
    print(describe())
    print(f"{options.writers} writers, median of {options.rounds} rounds of {options.seconds:.0f} s")
    figures = {name: median(values) for name, values in rates.items()}
    for name, rate in figures.items():
        print(f"{name:8} {rate:7.0f} appends/s   ({', '.join(f'{value:.0f}' for value in rates[name])})")
    print(f"{figures['ours'] / figures['stock']:.2f} times the stock recorder, {figures['ours'] / figures['pgbench']:.2f} of pgbench")


if __name__ == "__main__":
    main()
