"""`notechondria serve`: the server in the foreground."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from cli.supervisor import StartFailed, Supervisor
from cli.version import release
from logs import configure_logging
from settings import Settings, SettingsError, load_settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Number of API processes.")] = None,
) -> None:
    """Run the server until SIGTERM or Ctrl+C; a second one hurries it.

    Example: notechondria serve --port 8080 --workers 2
    """
    chosen = {name: value for name, value in {"host": host, "port": port, "workers": workers}.items() if value is not None}
    try:
        settings = load_settings(**chosen)
    except SettingsError as error:
        typer.echo(f"The server does not start: {error}", err=True)
        raise typer.Exit(1) from None
    configure_logging(settings)
    raise typer.Exit(run_server(settings))


def run_server(settings: Settings) -> int:
    """Serves until a signal comes; returns the exit code."""
    try:
        supervisor = Supervisor(settings, lambda actual: _banner(settings, actual))
    except StartFailed as error:
        typer.echo(f"The server does not start: {error}", err=True)
        return 1
    code = supervisor.run()
    sys.stdout.flush()
    return code


def _banner(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}"
    print(f"Notechondria {release()}")
    print(f"  API   {address}/api/v1/")
    print(f"  docs  {address}/docs")
    print(f"  data  {settings.data_dir}{os.sep}", flush=True)
