"""`notechondria start`: the container's entry point. Waits for the database, checks it, prepares it, then serves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from typing import Annotated

import psycopg
import structlog
import typer

from cli.preparing import PreparationFailed, prepare_for_start
from cli.serve import run_server
from cli.stopping import on_stop
from cli.store import running_database
from cli.version import release
from eventstore import embedded
from eventstore.migrate import pending
from eventstore.server import OLDEST, server_of
from logs import configure_logging
from settings import Settings, SettingsError, load_settings

WAIT_SECONDS = 300
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Between tries; the last one repeats."""
REFUSED = re.compile(r"password authentication failed|role \".*\" does not exist|database \".*\" does not exist|no pg_hba\.conf entry")
"""A server that answers so will answer so for ever."""
UNUSABLE = re.compile(r"invalid \w+ value")
"""What the library says of an address that it cannot use, before it asks any server."""

log = structlog.get_logger("notechondria.start")


class StartRefused(Exception):
    """The start cannot go on; the text tells why and what to do."""


def start(
    command: Annotated[list[str] | None, typer.Argument(help="A command to run instead of the server once the database is ready.")] = None,
) -> None:
    """Wait for the database, check and prepare it, then serve on all addresses, or run the given command.

    Several replicas may start at once: one of them prepares the database, the others wait for it.

    Example: notechondria start
    Example: notechondria start -- notechondria users list
    """
    try:
        settings = _container_settings()
        configure_logging(settings)
        log.info("starting", release=release())
        if settings.database_url is not None:
            wait_for_database(settings)
            check_database(settings.conninfo())
        code = _run(settings, command) if command else run_server(settings)
    except (SettingsError, StartRefused, PreparationFailed, embedded.EmbeddedDatabaseError) as error:
        typer.echo(f"The start was given up: {error}", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(code)


def _container_settings() -> Settings:
    settings = load_settings()
    defaults = {"host": "0.0.0.0", "workers": 2, "database_wait_seconds": WAIT_SECONDS}  # noqa: S104 - a container is reached from outside
    return load_settings(**{name: value for name, value in defaults.items() if name not in settings.model_fields_set})


def wait_for_database(settings: Settings) -> None:
    """Returns when a login with the configured credentials succeeds. Raises StartRefused when it is refused, or after the time."""
    conninfo = settings.conninfo()
    server = psycopg.conninfo.conninfo_to_dict(conninfo)
    place = {"host": server.get("host", "localhost"), "port": server.get("port", 5432), "database": server.get("dbname")}
    began = told = time.monotonic()
    tries = 0
    while True:
        try:
            psycopg.connect(conninfo, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            reason = " ".join(str(error).split())
            if REFUSED.search(reason):
                raise StartRefused(
                    f"the database refuses the login: {reason}. Restore the credentials that its volume was made with, or make a new"
                    " volume with the present ones; credentials are taken when a volume is first used, and never again."
                ) from None
            if UNUSABLE.search(reason):
                raise StartRefused(f"the database's address cannot be used: {reason}") from None
            waited = time.monotonic() - began
            if waited >= settings.database_wait_seconds:
                raise StartRefused(f"the database did not answer within {settings.database_wait_seconds} s: {reason}") from None
            if tries == 0 or time.monotonic() - told > 10:
                log.info("waiting for the database", **place, waited_s=round(waited), reason=reason)
                told = time.monotonic()
            time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1
        else:
            log.info("database answers", **place, waited_s=round(time.monotonic() - began, 1))
            return


def check_database(conninfo: str) -> None:
    """Logs the versions of server and schema. Raises StartRefused for a server that cannot be used."""
    with psycopg.connect(conninfo, connect_timeout=5) as connection:
        server = server_of(connection)
    if server.is_too_old:
        raise StartRefused(f"PostgreSQL {OLDEST} or newer is needed, this is {server.version}")
    if not server.holds_all_text:
        raise StartRefused(f"the database has the encoding {server.encoding}: make it anew with ENCODING 'UTF8'")
    log.info("database checked", postgresql=server.version, migrations_to_apply=len(pending(conninfo)))


def _run(settings: Settings, command: list[str]) -> int:
    if settings.database_url is not None:
        prepare_for_start(settings)
        log.info("running the given command", program=command[0])
        try:
            os.execvp(command[0], command)  # noqa: S606 - the operator's own command takes this process's place
        except OSError as error:
            raise StartRefused(f"{command[0]} cannot be run: {error.strerror}") from None
    with running_database(settings):
        prepare_for_start(settings)
        log.info("running the given command", program=command[0])
        return _attend(command)


def _attend(command: list[str]) -> int:
    """Runs it, hands on to it what should stop it, and returns its status when it has ended by itself."""
    early: list[int] = []
    on_stop(early.append)
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        raise StartRefused(f"{command[0]} cannot be run: {error.strerror}") from None

    def hand_on(number: int) -> None:
        # Ctrl+C at a terminal is sent to the command as well.
        if number != signal.SIGINT or not os.isatty(0):
            child.send_signal(number)

    on_stop(hand_on)
    for number in early:
        hand_on(number)
    status = child.wait()
    return 128 - status if status < 0 else status
