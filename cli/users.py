"""`notechondria users`: accounts, for operators."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cli.store import by_operator, fail, moment, opened_store, print_table
from commands.accounts import operators
from commands.accounts.passwords import weakness
from commands.accounts.rules import email_problem, username_problem
from commands.handling import Work
from commands.lookups import Lookups
from eventstore.addresses import canonical_address
from projections.accounts.operator_queries import list_accounts

users = typer.Typer(no_args_is_help=True, help="Create, list, promote, disable and enable accounts.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
Name = Annotated[str, typer.Argument(help="User name, ignoring case.")]
Reason = Annotated[str | None, typer.Option(help="The reason, kept with the event.")]


@users.command()
def create(
    username: Annotated[str, typer.Option(help="3 to 150 letters, digits, hyphens and underscores.")],
    email: Annotated[str, typer.Option(help="Email address, taken as verified.")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, help="Asked for if omitted.")],
    *,
    superuser: Annotated[bool, typer.Option("--superuser", help="Make it an administrator.")] = False,
    staff: Annotated[bool, typer.Option("--staff", help="Make it a staff member.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a verified account.

    Example: notechondria users create --username mira --email mira@example.org
    """
    problems = {"username": username_problem(username), "email": email_problem(email), "password": weakness(password.strip())}
    for name, problem in problems.items():
        if problem:
            fail(f"{name}: {problem}")
    command = operators.CreateAccount(
        username=username, email=email, password=password.strip(), is_staff=staff or superuser, is_superuser=superuser
    )
    with opened_store() as services:
        account_id = operators.create_account(services.commands, command, by_operator())
    made = {"id": account_id, "username": username, "email": canonical_address(email)}
    show(made, f"Account {account_id} ({username}) made.", as_json=as_json)


@users.command("list")
def list_users(*, as_json: AsJson = False) -> None:
    """List all accounts.

    Example: notechondria users list --json
    """
    with opened_store() as services:
        found = list_accounts(services.thread_pool)
    if as_json:
        for account in found:
            print(json.dumps(account))
        return
    rights = {a["id"]: "superuser" if a["is_superuser"] else "staff" if a["is_staff"] else "" for a in found}
    rows = ((a["id"], a["username"], a["email"], a["state"], rights[a["id"]], moment(a["registered_at"])) for a in found)
    print_table(("id", "username", "email", "state", "rights", "registered"), rows)


@users.command()
def promote(
    username: Name,
    *,
    superuser: Annotated[bool | None, typer.Option(help="Grant or revoke administrator rights; otherwise unchanged.")] = None,
    staff: Annotated[bool, typer.Option(help="Grant or revoke staff rights.")] = True,
    as_json: AsJson = False,
) -> None:
    """Make an account staff or administrator, or revoke both with --no-staff.

    Example: notechondria users promote mira --superuser
    """
    if superuser and not staff:
        fail("An administrator is a staff member as well: --superuser and --no-staff contradict each other.", 2)

    def decide(work: Work[Lookups]) -> bool:
        keeps = staff and operators.named_account(work, username).is_superuser if superuser is None else superuser
        return operators.promote(work, username, is_staff=staff, is_superuser=keeps).is_superuser

    with opened_store() as services:
        is_superuser = services.commands.run(decide, by_operator()).result
    text = f"{username}: staff {'yes' if staff else 'no'}, superuser {'yes' if is_superuser else 'no'}."
    show({"username": username, "is_staff": staff, "is_superuser": is_superuser}, text, as_json=as_json)


@users.command()
def disable(username: Name, reason: Reason = None, *, as_json: AsJson = False) -> None:
    """Disable an account: it is signed out everywhere at once and cannot sign in.

    Example: notechondria users disable mira --reason "left the school"
    """
    with opened_store() as services:
        services.commands.run(lambda work: operators.disable(work, username).number, by_operator(reason))
    show({"username": username, "is_active": False}, f"{username} cannot sign in any more.", as_json=as_json)


@users.command()
def enable(username: Name, reason: Reason = None, *, as_json: AsJson = False) -> None:
    """Enable a disabled account.

    Example: notechondria users enable mira
    """
    with opened_store() as services:
        services.commands.run(lambda work: operators.enable(work, username).number, by_operator(reason))
    show({"username": username, "is_active": True}, f"{username} can sign in again.", as_json=as_json)


def show(record: dict[str, Any], text: str, *, as_json: bool) -> None:
    """One result, for programs or for people."""
    print(json.dumps(record) if as_json else text)
