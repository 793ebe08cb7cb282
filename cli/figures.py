"""The files in which the processes of one server add up their figures, so kept that a full disk cannot end a process.

The library writes through mapped memory. A page of a file that the disk has no room for kills the process that touches it,
so the room is taken before the library opens the files, and what a dead process did not use is given back.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from settings import tell_figures_folder

ROOM = {"counter": 1 << 19, "histogram": 1 << 20, "gauge_livesum": 1 << 16}
"""Bytes by the beginning of the file's name; what all routes together need fits twice."""


PREFIX = "notechondria-metrics-"


class Folder:
    """A new folder for the figures of one server, held while it runs. Removes those of servers that were killed."""

    def __init__(self) -> None:
        for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            _remove_unheld(left)
        made = Path(tempfile.mkdtemp(prefix=".new-"))
        self._held = os.open(made, os.O_RDONLY)
        fcntl.flock(self._held, fcntl.LOCK_EX)
        # Named only now that it is held, so that nobody takes it for one that was left.
        self.path = made.rename(made.with_name(made.name.replace(".new-", PREFIX)))

    def remove(self) -> None:
        """The server ends."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._held)


def _remove_unheld(folder: Path) -> None:
    # Those of other users cannot be opened; they are for their owners to remove.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(handle)


def share(folder: Path) -> None:
    """Has this process count in the folder from now on. Raises OSError, with nothing changed, when it cannot be written to.

    Before anything is counted: what was counted until then stays where it is.
    """
    reserve(folder)
    tell_figures_folder(folder)
    # The library itself decides this once, when it is loaded, which is before the processes are forked.
    shared = values.MultiProcessValue()  # type: ignore[no-untyped-call]

    def value(*about: Any, **more: Any) -> Any:
        # What cannot be added up any more, as the folder is gone, is no reason to fail for whoever is counted.
        try:
            return shared(*about, **more)
        except OSError:
            return values.MutexValue(*about, **more)  # type: ignore[no-untyped-call]

    values.ValueClass = value


def reserve(folder: Path) -> None:
    """Takes this process's room in the folder. Raises OSError, with nothing more left there, when the disk has none.

    Where a dead process had the same number, this one goes on with what that one has counted.
    """
    files = _files(folder, os.getpid())
    lengths = {file: file.stat().st_size for file in files.values() if file.exists()}
    try:
        for kind, file in files.items():
            with file.open("ab") as opened:
                opened.write(bytes(max(0, ROOM[kind] - lengths.get(file, 0))))
    except OSError:
        for file in files.values():
            if file in lengths:
                os.truncate(file, lengths[file])
            else:
                file.unlink(missing_ok=True)
        raise


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
