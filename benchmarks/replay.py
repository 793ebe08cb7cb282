"""How fast read models are rebuilt: a log of a realistic mix, written by COPY, then rebuilt as an operator would.

    python -m benchmarks.replay [--events 1000000] [--peer PATH/peer.py] [--profile]

The rebuild works on one core, the database on another where there is one. --each measures each projection alone as well.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.machine import describe
from benchmarks.peer import Yardstick
from eventstore import embedded
from eventstore.codec import encode
from eventstore.events import Event, accounts, courses, notes, planner, sessions
from eventstore.migrate import migrate
from projections.catalog import ALL_PROJECTIONS
from projections.progress import Progress
from projections.rebuild import bring_up_to_date, rebuild
from projections.verify import verify
from settings import embedded_conninfo

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
METADATA = b'{"actor":1,"channel":"web","command":"0123456789abcdef","request_id":"0123456789abcdef0123456789abcdef","session":1}'
WORDS = ("event", "log", "note", "course", "command", "table", "answer", "reader", "writer", "list", "page", "line", "text", "word")
MIX: tuple[tuple[str, float], ...] = (
    ("text", 0.60),
    ("seen", 0.12),
    ("planner", 0.08),
    ("note aspect", 0.087),
    ("course", 0.04),
    ("planner start", 0.03),
    ("session start", 0.03),
    ("note start", 0.008),
    ("course start", 0.003),
    ("account", 0.002),
)


class Life:
    """Makes up what the people of a service do, in one order."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.versions: dict[str, int] = {}
        self.lengths: dict[int, int] = {}
        self.counts: Counter[str] = Counter()
        self.now = BEGAN
        paragraphs = [" ".join(self.random.choices(WORDS, k=60)) + "." for _ in range(400)]
        self.texts = ["# " + p[:30] + "\n\n" + "\n\n".join(self.random.sample(paragraphs, self.random.randint(3, 60))) for p in paragraphs]
        self.words = [" ".join(self.random.choices(WORDS, k=self.random.randint(3, 30))) for _ in range(500)]

    def event(self, stream: str, event_type: type[Event], **payload: Any) -> Event:
        version = self.versions[stream] = self.versions.get(stream, 0) + 1
        self.now += timedelta(milliseconds=250)
        return event_type(originator_id=stream, originator_version=version, timestamp=self.now, **payload)

    def events(self, number: int) -> Iterator[Event]:
        acts: dict[str, Callable[[], Iterator[Event]]] = {
            "text": self.text, "seen": self.seen, "planner": self.plan_changed, "note aspect": self.aspect, "course": self.course_changed,
            "planner start": self.planned, "session start": self.signed_in, "note start": self.note, "course start": self.course,
            "account": self.account,
        }  # fmt: skip
        for start in (self.account, self.course, self.note, self.signed_in, self.planned):
            for _ in range(20):
                yield from start()
        names, weights = zip(*MIX, strict=True)
        while True:
            for name in self.random.choices(names, weights, k=1000):
                yield from acts[name]()
                number -= 1
                if number <= 0:
                    return

    def new(self, kind: str) -> int:
        self.counts[kind] += 1
        return self.counts[kind]

    def some(self, kind: str) -> int:
        """Somebody or something that exists, the newer the likelier: people work on what they work on."""
        highest = self.counts[kind]
        return highest - int(highest * self.random.random() ** 2)

    def account(self) -> Iterator[Event]:
        number = self.new("account")
        stream = f"account-{number}"
        yield self.event(
            stream,
            accounts.AccountRegistered,
            username=f"u{number}",
            email=f"u{number}@example.org",
            password_hash="$argon2id$v=19$" + "x" * 80,
        )
        yield self.event(stream, accounts.AccountVerified)

    def signed_in(self) -> Iterator[Event]:
        number = self.new("session")
        yield self.event(
            f"session-{number}", sessions.SessionStarted, account_id=self.some("account"), key_digest=f"{number:064x}",
            device_label="Chrome on Linux", user_agent="Mozilla/5.0 (X11; Linux x86_64) " * 3, network_digest="a" * 64,
        )  # fmt: skip

    def seen(self) -> Iterator[Event]:
        yield self.event(f"session-{self.some('session')}", sessions.SessionSeen)

    def course(self) -> Iterator[Event]:
        number = self.new("course")
        yield self.event(
            f"course-{number}", courses.CourseCreated, owner_id=self.some("account"), title=self.random.choice(self.words)[:60],
            description=self.random.choice(self.words), slug=f"course-{number}", icon=1, is_default=False, client_course_id=None,
        )  # fmt: skip

    def course_changed(self) -> Iterator[Event]:
        stream = f"course-{self.some('course')}"
        if self.random.random() < 0.5:
            yield self.event(stream, courses.CourseRenamed, title=self.random.choice(self.words)[:60])
        else:
            yield self.event(stream, courses.CourseArranged, sort_order=self.random.randint(0, 50))

    def note(self) -> Iterator[Event]:
        number, text = self.new("note"), self.random.choice(self.texts)
        self.lengths[number] = len(text)
        yield self.event(
            f"note-{number}", notes.NoteCreated, owner_id=self.some("account"), uuid=f"00000000-0000-4000-8000-{number:012x}",
            title=text[2:32], description="", content=text, metadata_json='{"tags":[]}', course_id=self.some("course"), is_public=False,
            editor_mode="P", note_type="N", source_note_uuid=None, client_draft_id=f"draft-{number}", words=len(text.split()),
        )  # fmt: skip

    def text(self) -> Iterator[Event]:
        number, inserted = self.some("note"), self.random.choice(self.words)
        length = self.lengths[number]
        removed = self.random.randint(0, min(2 * len(inserted), length)) if length > 1000 else 0
        self.lengths[number] = length + len(inserted) - removed
        yield self.event(
            f"note-{number}", notes.NoteTextSpliced, at=self.random.randint(0, length - removed), removed=removed, inserted=inserted
        )

    def aspect(self) -> Iterator[Event]:
        stream = f"note-{self.some('note')}"
        match self.random.randint(0, 3):
            case 0:
                yield self.event(stream, notes.NoteRenamed, title=self.random.choice(self.words)[:60])
            case 1:
                yield self.event(stream, notes.NoteFiled, course_id=self.some("course"))
            case 2:
                yield self.event(stream, notes.NoteMetadataChanged, metadata_json='{"tags":["a","b"],"color":3}')
            case _:
                yield self.event(stream, notes.NoteDescribed, description=self.random.choice(self.words))

    def planned(self) -> Iterator[Event]:
        number = self.new("planner-event")
        day = f"2026-{self.random.randint(1, 12):02}-{self.random.randint(1, 28):02}"
        yield self.event(
            f"planner-event-{number}",
            planner.PlannerEventCreated,
            owner_id=self.some("account"),
            title=self.random.choice(self.words)[:60],
            event_date=day,
            starts_at=f"{day}T10:00:00+00:00",
            ends_at=f"{day}T11:00:00+00:00",
            difficulty_weight=2,
            description="",
            course_id=self.some("course"),
            is_completed=False,
            completed_at=None,
        )

    def plan_changed(self) -> Iterator[Event]:
        stream = f"planner-event-{self.some('planner-event')}"
        if self.random.random() < 0.5:
            yield self.event(stream, planner.PlannerEventRenamed, title=self.random.choice(self.words)[:60])
        else:
            yield self.event(stream, planner.PlannerEventWeighed, difficulty_weight=self.random.randint(1, 3))


def fill(conninfo: str, number: int) -> None:
    """An empty store, then the log in one COPY."""
    migrate(conninfo)
    bring_up_to_date(conninfo, ALL_PROJECTIONS)
    with psycopg.connect(conninfo, autocommit=True) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY log.events (stream, version, type, data, metadata, recorded_at, actor) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "int4", "text", "bytea", "bytea", "timestamptz", "int8"])
            for event in Life(7).events(number):
                copy.write_row(
                    (event.originator_id, event.originator_version, type(event).__name__, encode(event), METADATA, event.timestamp, 1)
                )
        cursor.execute("VACUUM ANALYZE log.events")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--each", action="store_true", help="each projection alone as well")
    parser.add_argument("--verify", action="store_true", help="verify the result as well")
    parser.add_argument("--peer", type=Path, help="the peer's Python file, for a look at how fast the machine is")
    parser.add_argument("--profile", action="store_true", help="where the time goes (slower)")
    chosen = parser.parse_args()
    print(describe())
    yardstick = Yardstick(chosen.peer)
    yardstick.measure()
    with tempfile.TemporaryDirectory(prefix="ntc-replay-") as folder:
        embedded.ensure_running(Path(folder))
        try:
            conninfo = embedded_conninfo(Path(folder))
            began = time.monotonic()
            fill(conninfo, chosen.events)
            print(f"log of {chosen.events:,} events made in {time.monotonic() - began:.1f} s")
            measure(conninfo, chosen)
        finally:
            embedded.stop(Path(folder))
    yardstick.measure()
    yardstick.report()


def measure(conninfo: str, chosen: argparse.Namespace) -> None:
    with psycopg.connect(conninfo) as connection:
        print("PostgreSQL", connection.info.parameter_status("server_version"))
        for name, count, size in connection.execute(
            "SELECT type, count(*), sum(length(data)) FROM log.events GROUP BY type ORDER BY 2 DESC LIMIT 6"
        ):
            print(f"  {name:<24}{count:>9,}{size / 2**20:>8.1f} MiB")
    before = memory_mib()
    profile = cProfile.Profile()
    if chosen.profile:
        profile.enable()
    phases: dict[str, float] = {}
    cpu = time.process_time()
    done = rebuild(conninfo, ALL_PROJECTIONS, progress=Progress(lambda p: phases.update({p.phase: p.seconds})))
    cpu = time.process_time() - cpu
    if chosen.profile:
        profile.disable()
        pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(30)
    rate = done.events / done.seconds
    print(f"all {len(ALL_PROJECTIONS)} projections: {rate:,.0f} events/s, {done.seconds:.1f} s ({cpu:.1f} s of processor)")
    print(f"  memory: {memory_mib():.0f} MiB at most, {before:.0f} MiB before; writers waited {done.swap_ms:.1f} ms for the swap")
    print("  until:", ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in phases.items()))
    for projection in ALL_PROJECTIONS if chosen.each else ():
        alone = rebuild(conninfo, [projection])
        print(f"  {projection.name} alone: {alone.events / alone.seconds:,.0f} events/s")
    if chosen.verify:
        found = verify(conninfo, ALL_PROJECTIONS)
        print(f"verified: {found.rows:,} rows in {found.seconds:.1f} s, {found.different} differ; memory {memory_mib():.0f} MiB at most")


def memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
