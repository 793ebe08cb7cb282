"""Reads calendars in a process of its own, which may use so much time and memory and no more; see reactors.icalendar.worker."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Collection
from pathlib import Path

import orjson
import structlog

from reactors.icalendar.contents import Reading, Rejected

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
