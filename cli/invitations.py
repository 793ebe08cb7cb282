"""`notechondria invitations`: codes that people may register with."""

from __future__ import annotations

import json
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.store import by_operator, fail, moment, opened_store, print_table
from cli.users import AsJson, show
from commands.invitations import create_invitation, end_of_day
from projections.accounts.operator_queries import list_invitations

invitations = typer.Typer(no_args_is_help=True, help="Create and list invitation codes. Once there is one, registering requires one.")

LONGEST = 255
HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def _until(text: str) -> datetime:
    with suppress(ValueError):
        return end_of_day(text)
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("A day such as 2031-05-06, or a time such as 2031-05-06T12:00:00.") from None
    return until.replace(tzinfo=until.tzinfo or UTC)


@invitations.command()
def create(
    code: Annotated[str | None, typer.Option(help="The code; if omitted, one is generated and shown once.")] = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    max_uses: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="How many accounts may register with it.")] = 1,
    expires_at: Annotated[
        datetime | None, typer.Option(parser=_until, metavar="TIME", help="When it expires, UTC; a day is included.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create an invitation code.

    Example: notechondria invitations create --label "spring class" --max-uses 30
    """
    text = (code or "").strip() or secrets.token_urlsafe(9)
    if len(text) > LONGEST or len(label) > LONGEST or "\0" in text + label:
        fail(f"Code and label have at most {LONGEST} characters.")
    if HEX_DIGEST.fullmatch(text):
        fail("A code of 64 hexadecimal digits looks like the digest of another one. Choose a different code.")
    with opened_store() as services:
        digest = services.proofs.digest(text)
        invitation_id = services.commands.run(
            lambda work: create_invitation(work, digest, label=label, max_uses=max_uses, expires_at=expires_at), by_operator()
        ).result
    show({"id": invitation_id, "code": text, "label": label, "max_uses": max_uses}, f"Invitation {invitation_id}: {text}", as_json=as_json)


@invitations.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List all invitations. Codes are not stored.

    Example: notechondria invitations list
    """
    with opened_store() as services:
        found = list_invitations(services.thread_pool)
    if as_json:
        for invitation in found:
            print(json.dumps(invitation))
        return
    used = {one["id"]: f"{one['times_used']} of {one['max_uses']}" for one in found}
    rows = ((one["id"], one["label"], used[one["id"]], moment(one["expires_at"]), "yes" if one["usable"] else "no") for one in found)
    print_table(("id", "label", "used", "expires", "usable"), rows)
