"""The command `notechondria`: its commands and groups, each loaded when it is called, so that the server starts at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from cli.stopping import interrupt, on_stop, stopped_status
from eventstore.garbage import without_garbage_collection

COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("cli.serve", "serve"),
    "start": ("cli.start", "start"),
    "migrate": ("cli.migrate", "migrate"),
    "bootstrap": ("cli.bootstrap", "bootstrap"),
    "doctor": ("cli.doctor", "doctor"),
    "settings": ("cli.settings_table", "settings"),
    "version": ("cli.version", "version"),
    "users": ("cli.users", "users"),
    "invitations": ("cli.invitations", "invitations"),
    "sessions": ("cli.sessions", "sessions"),
    "projections": ("cli.projections", "app"),
    "events": ("cli.events", "events"),
    "streams": ("cli.streams", "streams"),
    "archive": ("cli.archive", "archive"),
    "mcp": ("cli.mcp", "group"),
}
"""Name -> where the function or the group of commands is."""
OPTIONS: Mapping[str, dict[str, Any]] = {"start": {"context_settings": {"ignore_unknown_options": True}}}


class OnDemand(TyperGroup):
    """Knows the names of all commands and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order in which the help shows them."""
        return list(COMMANDS)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command. What stops it ends it in good order, with the status that tells so."""
        on_stop(interrupt)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(stopped_status()) from None

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        with without_garbage_collection():
            found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            command: Any = get_group(found)
        else:
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(**OPTIONS.get(cmd_name, {}))(found)
            command = get_command(alone)
        command.name = cmd_name
        return command


app = typer.Typer(cls=OnDemand, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="The Notechondria server.")


@app.callback()
def _server() -> None:
    """The Notechondria server."""
