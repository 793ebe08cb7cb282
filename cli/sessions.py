"""`notechondria sessions`: who is signed in."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.store import LARGEST, by_operator, fail, moment, opened_store, print_table
from cli.users import AsJson, show
from commands.accounts import operators
from projections.accounts.operator_queries import list_live_sessions

sessions = typer.Typer(no_args_is_help=True, help="List and end login sessions.")

User = Annotated[str, typer.Option("--user", help="User name, ignoring case.")]


@sessions.command("list")
def list_all(user: Annotated[str | None, typer.Option("--user", help="Only this user's.")] = None, *, as_json: AsJson = False) -> None:
    """List the live sessions.

    Example: notechondria sessions list --user mira
    """
    with opened_store() as services:
        if user is not None and services.lookups.account_of_username(user) is None:
            fail(f"No account is called {user}.")
        found = list_live_sessions(services.thread_pool, user)
    if as_json:
        for session in found:
            print(json.dumps(session))
        return
    rows = ((one["id"], one["username"], one["device_label"], moment(one["started_at"]), moment(one["seen_at"])) for one in found)
    print_table(("id", "username", "device", "since", "last seen"), rows)


@sessions.command()
def revoke(
    user: User,
    session: Annotated[
        int | None, typer.Option("--session", min=1, max=LARGEST, help="Only this one; otherwise all of the user's.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """End all sessions of a user, or one of them. Their next request is refused by every process.

    Example: notechondria sessions revoke --user mira
    """
    with opened_store() as services:
        if session is None:
            ended = services.commands.run(lambda work: operators.revoke_all(work, user), by_operator()).result
        else:
            services.commands.run(lambda work: operators.revoke_one(work, user, session), by_operator())
            ended = 1
    show({"user": user, "ended": ended}, f"{ended} session{'' if ended == 1 else 's'} of {user} ended.", as_json=as_json)
