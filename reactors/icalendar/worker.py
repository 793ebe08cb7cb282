"""The program that reads a calendar: a header line of JSON and the calendar's bytes on its standard input, a line of JSON and the
rows of the entries on its standard output. reactors.icalendar.apart runs it.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import sys

import orjson

from reactors.icalendar.apart import SECONDS
from reactors.icalendar.contents import Reading
from reactors.icalendar.reading import read_calendar
from reactors.icalendar.rows import clean, copy_line


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
    os.nice(10)
    main()
