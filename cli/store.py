"""The database as operators' commands use it: started if it is embedded, brought as far as the command needs, let go afterwards.

What goes wrong ends the command with one sentence and status 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import psycopg
import typer
from rich.console import Console

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
STOPPED = 130
"""The status of a program that Ctrl+C has ended."""

problems = Console(stderr=True, soft_wrap=True, highlight=False)


@contextmanager
def opened_database() -> Iterator[Settings]:
    """The settings; their database runs, and is as it was left."""
    try:
        settings = load_settings()
        configure_logging(settings)
        with running_database(settings):
            yield settings
    except Refused as refusal:
        fail(sentence(refusal))
    except Cancelled:
        fail("Stopped; nothing was changed.", STOPPED)
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
    embedded.ensure_running(settings.data_dir)
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
