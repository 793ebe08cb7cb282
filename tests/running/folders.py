"""Data folders of servers that tests start and stop."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from eventstore import embedded
from settings import embedded_conninfo


@contextmanager
def new_folder() -> Iterator[Path]:
    """A data folder that nobody has used; the PostgreSQL in it is ended with it."""
    folder = Path(tempfile.mkdtemp(prefix="ntc-"))
    try:
        yield folder
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def used_folder(served: Path) -> Iterator[Path]:
    """A copy of the folder that was served from: a server starts in it without making and filling a database first."""
    with new_folder() as folder:
        fill_folder(folder, served)
        yield folder


def fill_folder(folder: Path, served: Path) -> None:
    """Copies what is there with its owners: the database belongs to an account of its own when we are root."""
    subprocess.run(["cp", "-a", f"{served}/.", folder], check=True)


def database_answers(folder: Path) -> bool:
    """Whether the PostgreSQL of the folder can be connected to."""
    try:
        psycopg.connect(embedded_conninfo(folder), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
