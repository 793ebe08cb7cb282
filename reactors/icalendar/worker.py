"""Reads calendars in a process of its own, which may use so much time and memory and no more.

As a program it takes a header line of JSON and the calendar's bytes on its standard input, and answers a line of JSON and the
rows of the entries.
"""

from __future__ import annotations

import dataclasses
import resource
import subprocess
import sys
import threading
from collections.abc import Collection
from pathlib import Path

import orjson
import structlog

from reactors.icalendar.events import Rejected
from reactors.icalendar.reading import Reading, read_calendar
from reactors.icalendar.rows import clean, copy_line

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


def read_apart(
    data: bytes,
    years: Collection[int],
    *,
    text_id: int,
    repeating_only: bool = False,
    seconds: float = SECONDS,
    memory: int = MEMORY,
) -> tuple[Reading, memoryview]:
    """Reads in another process: (what reading.read_calendar finds, without its entries; those as COPY takes them, see rows).

    They are not looked at here: taking so many rows apart would hold up whatever else this process does. Raises ReadingFailed.
    """
    header = orjson.dumps(
        {
            "years": list(years),
            "text_id": text_id,
            "repeating_only": repeating_only,
            "seconds": min(REPEATING_SECONDS, seconds / 2),
            "memory": memory,
        }
    )
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
    end_of_head = done.stdout.index(b"\n")
    head = orjson.loads(done.stdout[:end_of_head])
    head["rejected"] = [Rejected(*item) for item in head["rejected"]]
    return Reading(**head), memoryview(done.stdout)[end_of_head + 1 :]


def _head(reading: Reading) -> bytes:
    head = {field.name: getattr(reading, field.name) for field in dataclasses.fields(reading) if field.name != "entries"}
    head["rejected"] = [[item.line, clean(item.item), clean(item.reason)] for item in reading.rejected]
    head["name"] = clean(reading.name)
    return orjson.dumps(head)


def main() -> None:
    """The reading process."""
    header = orjson.loads(sys.stdin.buffer.readline())
    resource.setrlimit(resource.RLIMIT_AS, (header["memory"], header["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reading = read_calendar(sys.stdin.buffer.read(), header["years"], header["seconds"], repeating_only=header["repeating_only"])
    sys.stdout.buffer.write(_head(reading) + b"\n")
    for entry in reading.entries:
        sys.stdout.buffer.write(copy_line(header["text_id"], entry))


if __name__ == "__main__":
    import os

    os.nice(10)
    main()
