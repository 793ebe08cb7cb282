"""The command `notechondria`: its groups of commands, put together."""

from __future__ import annotations

import typer

from cli.doctor import doctor
from cli.serve import serve
from cli.settings_table import settings
from cli.version import version

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="The Notechondria server.")
app.command()(serve)
app.command()(doctor)
app.command()(settings)
app.command()(version)
