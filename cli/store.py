"""The database as operators' commands use it: started if it is embedded, brought as far as the command needs, let go afterwards.

What goes wrong ends the command with one sentence and status 1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

import psycopg
import typer
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from cli.stopping import stopped_status
from commands.context import Context
from commands.errors import Refused, sentence
from eventstore import embedded
from eventstore.blobs import BlobStoreUnavailable
from eventstore.migrate import MigrationChanged, migrate
from logs import configure_logging
from projections.fold import FoldFailed
from projections.loops import Pausing
from projections.progress import Cancelled
from projections.rebuild import Busy
from projections.verify import NotComparable
from settings import Settings, SettingsError, load_settings
from wiring import Services, opened_services, prepare

PROBLEMS = (SettingsError, embedded.EmbeddedDatabaseError, MigrationChanged, FoldFailed, Busy, NotComparable, Pausing, BlobStoreUnavailable)
"""Errors whose text is a sentence for operators."""
LARGEST = 2**63 - 1
"""Of the numbers that the database can count with."""

problems = Console(stderr=True, soft_wrap=True, highlight=False)


@contextmanager
def opened_database() -> Iterator[Settings]:
    """The settings; their database runs, and is as it was left."""
    try:
        settings = load_settings()
        configure_logging(settings)
        # What was done the command tells itself; the log is for what was not expected.
        logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))
        with running_database(settings):
            yield settings
    except Refused as refusal:
        fail(sentence(refusal))
    except Cancelled:
        fail("Stopped; nothing was changed.", stopped_status())
    except PROBLEMS as error:
        fail(" ".join(str(error).split()))
    except psycopg.Error as error:
        fail(f"The database cannot be used: {' '.join(str(error).split())}")


@contextmanager
def opened_log() -> Iterator[Settings]:
    """The same with the log migrated, and nothing else looked at."""
    with opened_database() as settings:
        migrate(settings.conninfo())
        yield settings


@contextmanager
def opened_store() -> Iterator[Services]:
    """The services over the database, which is prepared as at a start of the server."""
    with opened_database() as settings:
        prepare(settings)
        with opened_services(settings) as services:
            yield services


@contextmanager
def running_database(settings: Settings) -> Iterator[None]:
    """Keeps the embedded database running; with a configured one there is nothing to do."""
    if settings.database_url is not None:
        yield
        return
    try:
        embedded.ensure_running(settings.data_dir)
    except KeyboardInterrupt:
        # It may run already.
        embedded.release(settings.data_dir)
        raise
    try:
        yield
    finally:
        embedded.release(settings.data_dir)


def by_operator(reason: str | None = None) -> Context:
    """The circumstances of an operator's command."""
    return Context(actor=None, channel="cli", reason=reason)


def fail(problem: str, status: int = 1) -> NoReturn:
    """Ends the command and says why."""
    problems.print(problem, style="red", markup=False)
    raise typer.Exit(status)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """A table for people. Where the terminal is too narrow its lines run on: names and addresses are never cut or broken."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console()
    needed = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    console.width = max(console.width, needed)
    console.print(table, soft_wrap=True)


def moment(text: str | None) -> str:
    """A time as it is stored, for people."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S") if text else ""
