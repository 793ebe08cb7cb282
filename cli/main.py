"""The command `notechondria`: its groups of commands, put together."""

from __future__ import annotations

import typer

from cli.archive import archive
from cli.bootstrap import bootstrap
from cli.doctor import doctor
from cli.events import events
from cli.invitations import invitations
from cli.migrate import migrate
from cli.projections import app as projections
from cli.serve import serve
from cli.sessions import sessions
from cli.settings_table import settings
from cli.start import start
from cli.streams import streams
from cli.users import users
from cli.version import version

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="The Notechondria server.")
app.command()(serve)
app.command(context_settings={"ignore_unknown_options": True})(start)
app.command()(migrate)
app.command()(bootstrap)
app.command()(doctor)
app.command()(settings)
app.command()(version)
app.add_typer(users, name="users")
app.add_typer(invitations, name="invitations")
app.add_typer(sessions, name="sessions")
app.add_typer(projections, name="projections")
app.add_typer(events, name="events")
app.add_typer(streams, name="streams")
app.add_typer(archive, name="archive")
