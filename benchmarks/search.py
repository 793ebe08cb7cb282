"""Searches in a library of many notes, over HTTP: latencies of whole requests, by kind of query.

    python -m benchmarks.search --data FOLDER [--own 50000 --public 500000 --queries 200]

The first call fills the data folder: a log of notes, written by COPY, from which the read models are rebuilt as an operator would.
It stays, and later calls measure only. The server runs as an operator starts it.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg

from benchmarks.machine import describe
from commands.handling import Work
from commands.lookups import Lookups
from commands.sessions import prepare_sign_in, start_session
from eventstore import embedded
from eventstore.codec import encode
from eventstore.events.notes import NoteCreated
from projections.catalog import ALL_PROJECTIONS
from projections.rebuild import rebuild
from settings import load_settings
from tests.door.people import SYSTEM, sign_up
from wiring import Services, build_services, prepare

GOAL_MS = 50
WORDS = 40_000
"""Different words; how often each is used follows Zipf's law, as in real texts."""
LONGEST_TEXT = 120
FIRST_ID = 10_000_000
METADATA = b'{"actor":1,"channel":"web"}'
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


class Writer:
    """Makes up titles and texts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        syllables = [a + b + c for a in "bcdfglmnprstv" for b in "aeiou" for c in ("", "n", "r", "s", "l")]
        self.words = ["".join(self.random.choices(syllables, k=self.random.choice((1, 2, 2, 3, 3, 4)))) for _ in range(WORDS)]
        self._cumulative: list[float] = []
        total = 0.0
        for rank in range(1, WORDS + 1):
            total += 1 / rank
            self._cumulative.append(total)

    def text(self, length: int) -> str:
        """So many words."""
        return " ".join(self.random.choices(self.words, cum_weights=self._cumulative, k=length))

    def word(self, low: int, high: int) -> str:
        """One of the words from rank low to rank high of frequency."""
        return self.words[self.random.randrange(low, high)]


def main() -> int:
    """Fills if need be, measures and prints; 1 when a kind of query misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8140)
    parser.add_argument("--own", type=int, default=50_000)
    parser.add_argument("--public", type=int, default=500_000)
    parser.add_argument("--queries", type=int, default=100, help="per kind; 0 fills only")
    parser.add_argument("--kind", action="append", help="only this kind of query")
    chosen = parser.parse_args()
    embedded.ensure_running(chosen.data)
    try:
        key = ready(chosen.data, chosen.own, chosen.public)
        print(describe())
        with serving(chosen.data, chosen.port) as client:
            client.headers["Authorization"] = f"Token {key}"
            asked = {kind: ask for kind, ask in kinds(Writer(1)).items() if not chosen.kind or kind in chosen.kind}
            slow = [
                measure(client, scope, kind, ask, chosen.queries)
                for scope in ("personal", "all")
                for kind, ask in asked.items()
                if chosen.queries
            ]
    finally:
        embedded.stop(chosen.data)
    return 1 if any(slow) else 0


def ready(data: Path, own: int, public: int) -> str:
    """Fills an empty folder and brings a filled one up to date; the key of a session of the owner of the `own` notes."""
    settings = load_settings(data_dir=data, database_url=None)
    prepare(settings)
    services = build_services(settings)
    services.thread_pool.open()
    try:
        with services.thread_pool.connection() as connection:
            owner = connection.execute("SELECT owner_id FROM notes.notes WHERE id = %s", (FIRST_ID,)).fetchone()
            if owner is not None:
                return session_key(services, owner[0])
        one, other = sign_up(services), sign_up(services)
        fill(settings.conninfo(), [(one.account_id, own, False), (other.account_id, public, True)])
        return session_key(services, one.account_id)
    finally:
        services.log.close()
        services.thread_pool.close()


def session_key(services: Services, account_id: int) -> str:
    """A new session of this account."""
    sign_in = prepare_sign_in(services.proofs.digest, user_agent="", network="", method="cli")

    def decide(work: Work[Lookups]) -> int:
        return start_session(work, account_id, 0, sign_in)

    services.commands.run(decide, SYSTEM)
    return sign_in.key


def fill(conninfo: str, owners: list[tuple[int, int, bool]]) -> None:
    """Writes the log and rebuilds all read models from it."""
    began = time.monotonic()
    with psycopg.connect(conninfo, autocommit=True) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY log.events (stream, version, type, data, metadata, recorded_at, actor) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "int4", "text", "bytea", "bytea", "timestamptz", "int8"])
            for event in made_up(Writer(1), owners):
                copy.write_row((event.originator_id, 1, "NoteCreated", encode(event), METADATA, event.timestamp, 1))
        cursor.execute("VACUUM ANALYZE log.events")
    print(f"log written in {time.monotonic() - began:.0f} s", flush=True)
    rebuilt = rebuild(conninfo, ALL_PROJECTIONS)
    print(f"read models rebuilt in {rebuilt.seconds:.0f} s", flush=True)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM")


def made_up(writer: Writer, owners: list[tuple[int, int, bool]]) -> Iterator[NoteCreated]:
    """The notes of these owners: (account, how many, whether they are public)."""
    note_id = FIRST_ID
    for owner_id, count, is_public in owners:
        for nth in range(count):
            title, content = writer.text(writer.random.randint(1, 6)), writer.text(writer.random.randint(10, LONGEST_TEXT))
            yield NoteCreated(
                originator_id=f"note-{note_id}", originator_version=1, timestamp=BEGAN + timedelta(seconds=nth), owner_id=owner_id,
                uuid=str(uuid.UUID(int=note_id)), title=title[:100], description="", content=content, metadata_json="", course_id=None,
                is_public=is_public, editor_mode="P", note_type="N", source_note_uuid=None, client_draft_id=None,
            )  # fmt: skip
            note_id += 1


@contextmanager
def serving(data: Path, port: int) -> Iterator[httpx.Client]:
    """A client of a server of the folder."""
    environment = {**os.environ, "NOTECHONDRIA_DATA_DIR": str(data), "NOTECHONDRIA_RATE_LIMITS": "off", "NOTECHONDRIA_LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-c", "from cli.main import app; app()", "serve", "--port", str(port), "--workers", "2"]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60) as client:
        if answers(client):
            raise SystemExit(f"another server answers on port {port}")
        server = subprocess.Popen(command, env=environment)
        try:
            while not answers(client):
                if server.poll() is not None:
                    raise SystemExit("the server did not start")
                time.sleep(0.1)
            yield client
        finally:
            server.terminate()
            server.wait(60)


def answers(client: httpx.Client) -> bool:
    """Whether there is a server."""
    try:
        client.get("/health/").raise_for_status()
    except httpx.TransportError:
        return False
    return True


def kinds(writer: Writer) -> dict[str, Callable[[], str]]:
    """What people type: frequent and rare words, several, beginnings, misspelt ones, ones that are nowhere."""

    def misspelt() -> str:
        words = writer.text(3)
        at = writer.random.randrange(1, len(words) - 1)
        return words[:at] + words[at + 1 :]

    return {
        "frequent word": lambda: writer.word(0, 50),
        "common word": lambda: writer.word(50, 1_000),
        "rare word": lambda: writer.word(5_000, WORDS),
        "two words": lambda: f"{writer.word(0, 500)} {writer.word(100, 5_000)}",
        "four words": lambda: writer.text(4),
        "eight words": lambda: writer.text(8),
        "rare words": lambda: f"{writer.word(5_000, WORDS)} {writer.word(5_000, WORDS)}",
        "beginning": lambda: writer.word(100, 10_000)[:4],
        "two letters": lambda: writer.word(100, 10_000)[:2],
        "misspelt title": misspelt,
        "nowhere": lambda: "".join(writer.random.choices("qxzwjk", k=8)),
    }


def measure(client: httpx.Client, scope: str, kind: str, ask: Callable[[], str], queries: int) -> bool:
    """Prints the figures of one kind of query; whether they miss the goal for 95 of 100."""
    times: list[float] = []
    found = 0
    for nth in range(queries + 5):
        began = time.perf_counter()
        answer = client.get("/notes/", params={"q": ask(), "limit": 20, "offset": 0, "scope": scope})
        answer.raise_for_status()
        if nth >= 5:
            times.append((time.perf_counter() - began) * 1000)
            found += answer.json()["total"]
    p95 = statistics.quantiles(times, n=20)[-1]
    print(
        f"{scope:9} {kind:15} median {statistics.median(times):6.1f} ms   p95 {p95:6.1f} ms   max {max(times):6.1f} ms"
        f"   matches {found / queries:7.1f}",
        flush=True,
    )
    return p95 > GOAL_MS


if __name__ == "__main__":
    sys.exit(main())
