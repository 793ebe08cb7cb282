"""The store as operators' commands use it: started if it is embedded, prepared, and closed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import typer
from rich.console import Console

from commands.context import Context
from commands.errors import Refused
from eventstore import embedded
from eventstore.migrate import MigrationChanged, migrate
from logs import configure_logging
from settings import Settings, SettingsError, load_settings
from wiring import Prepared, Services, build_services
from wiring import prepare as bring_up

problems = Console(stderr=True, soft_wrap=True, highlight=False)


@contextmanager
def opened_store() -> Iterator[Services]:
    """The services over the configured store. What goes wrong ends the command with one sentence and status 1."""
    try:
        settings = load_settings()
        configure_logging(settings)
        with _database(settings):
            bring_up(settings)
            services = build_services(settings)
            services.thread_pool.open()
            try:
                yield services
            finally:
                services.log.close()
                services.thread_pool.close()
    except Refused as refusal:
        fail(sentence(refusal))
    except (SettingsError, embedded.EmbeddedDatabaseError, psycopg.Error) as error:
        fail(" ".join(str(error).split()))


@contextmanager
def opened_log() -> Iterator[str]:
    """The address of the configured database with the log migrated, and nothing else looked at."""
    try:
        settings = load_settings()
        with _database(settings):
            conninfo = settings.conninfo()
            migrate(conninfo)
            yield conninfo
    except (SettingsError, embedded.EmbeddedDatabaseError, MigrationChanged, psycopg.Error) as error:
        fail(" ".join(str(error).split()))


@contextmanager
def prepared_store(*, prepare: bool) -> Iterator[tuple[str, Prepared | None]]:
    """The address of the configured database, and what bringing it to this release took; None when it was left as it is."""
    try:
        settings = load_settings()
        configure_logging(settings)
        with _database(settings):
            yield settings.conninfo(), bring_up(settings) if prepare else None
    except (SettingsError, embedded.EmbeddedDatabaseError, MigrationChanged, psycopg.Error) as error:
        fail(" ".join(str(error).split()))


@contextmanager
def _database(settings: Settings) -> Iterator[None]:
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


def fail(problem: str) -> None:
    """Ends the command with status 1 and says why."""
    problems.print(problem, style="red", markup=False)
    raise typer.Exit(1)


def sentence(refusal: Refused) -> str:
    """What a refusal says, for people."""
    body = refusal.body
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        return str(body["detail"])
    if isinstance(body, dict):
        return " ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in body.items())
    return str(body)
