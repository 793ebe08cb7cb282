"""Reads calendars in a process of its own, which may use so much time and memory and no more.

As a program it takes a header line of JSON and the calendar's bytes on its standard input, and answers JSON lines.
"""

from __future__ import annotations

import dataclasses
import resource
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

import orjson
import structlog

from reactors.icalendar.events import Rejected
from reactors.icalendar.reading import Entry, Reading, read_calendar

MEMORY = 1_500 * 2**20
"""Bytes of address space. 75 000 events of 10 MB need some 640 MB."""
SECONDS = 90
"""Of the whole process; computing repetitions stops well before."""
REPEATING_SECONDS = 25.0
AT_ONCE = 2
"""Readings at a time in one process, so that imports leave the machine to other requests."""

HOUSE = Path(__file__).resolve().parents[2]
"""Where the packages lie. The reader finds them there, and gets nothing of the server's environment, which holds secrets."""

_slots = threading.BoundedSemaphore(AT_ONCE)
log = structlog.get_logger("notechondria.calendars")


class ReadingFailed(Exception):
    """The reading process broke a limit or died; the message is for the user."""


def read_apart(data: bytes, years: Collection[int], *, repeating_only: bool = False, seconds: float = SECONDS) -> Reading:
    """The same as reading.read_calendar, in another process. Raises ReadingFailed."""
    header = orjson.dumps({"years": list(years), "repeating_only": repeating_only, "seconds": min(REPEATING_SECONDS, seconds / 2)})
    with _slots:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "reactors.icalendar.worker"],
                input=header + b"\n" + data,
                capture_output=True,
                cwd=HOUSE,
                env={},
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ReadingFailed("The calendar takes too long to be read.") from None
    if done.returncode != 0:
        log.warning("calendar reader died", status=done.returncode, error=done.stderr[-300:].decode("utf-8", "replace"))
        raise ReadingFailed("The calendar is too large or too complicated to be read.")
    return _decoded(done.stdout)


def _decoded(output: bytes) -> Reading:
    lines = output.split(b"\n")
    head = orjson.loads(lines[0])
    head["rejected"] = [Rejected(*item) for item in head["rejected"]]
    reading = Reading(**head)
    for line in lines[1:]:
        if line:
            year, identity, starts_at, ends_at, *rest = orjson.loads(line)
            reading.entries.append(Entry(year, identity, datetime.fromisoformat(starts_at), datetime.fromisoformat(ends_at), *rest))
    return reading


def _encoded(reading: Reading) -> Iterator[bytes]:
    head = {field.name: getattr(reading, field.name) for field in dataclasses.fields(reading) if field.name != "entries"}
    head["rejected"] = [[item.line, _clean(item.item), _clean(item.reason)] for item in reading.rejected]
    head["name"] = _clean(reading.name)
    yield orjson.dumps(head)
    for e in reading.entries:
        title = None if e.title is None else _clean(e.title)
        row = [e.year, e.identity, e.starts_at, e.ends_at, e.whole_day, e.floating, title, _clean(e.place), _clean(e.description)]
        yield orjson.dumps(row)


def _clean(text: str) -> str:
    """Without lone surrogates, which no UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()


def main() -> None:
    """The reading process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    header = orjson.loads(sys.stdin.buffer.readline())
    reading = read_calendar(sys.stdin.buffer.read(), header["years"], header["seconds"], repeating_only=header["repeating_only"])
    for line in _encoded(reading):
        sys.stdout.buffer.write(line + b"\n")


if __name__ == "__main__":
    import os

    os.nice(10)
    main()
