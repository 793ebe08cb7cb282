"""The files in which the processes of one server add up their figures, so kept that a full disk cannot end a process.

The library writes through mapped memory. A page of a file that the disk has no room for kills the process that touches it,
so the room is taken before the library opens the files, and what a dead process did not use is given back.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

ROOM = {"counter": 1 << 19, "histogram": 1 << 20, "gauge_livesum": 1 << 16}
"""Bytes by the beginning of the file's name; what all routes together need fits twice."""


def reserve(folder: Path) -> bool:
    """Takes this process's room in the folder; False, with nothing left there, when the disk has none."""
    files = _files(folder, os.getpid())
    try:
        for kind, file in files.items():
            file.write_bytes(bytes(ROOM[kind]))
    except OSError:
        for file in files.values():
            file.unlink(missing_ok=True)
        return False
    return True


def settle(folder: Path, pid: int) -> None:
    """Keeps what a dead process has counted, and gives the rest of its room back."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
    for file in _files(folder, pid).values():
        if file.exists():
            with file.open("r+b") as opened:
                (used,) = struct.unpack("i", opened.read(4))
                opened.truncate(max(8, used))


def _files(folder: Path, pid: int) -> dict[str, Path]:
    return {kind: folder / f"{kind}_{pid}.db" for kind in ROOM}
