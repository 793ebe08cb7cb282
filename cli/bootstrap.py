"""`notechondria bootstrap`: what every start does as well, by hand."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.store import fail, opened_store
from commands.accounts.passwords import weakness
from commands.bootstrap import ensure_administrator
from wiring import administrator_of, seed_samples


def bootstrap(
    *,
    reset_password: Annotated[
        bool, typer.Option("--reset-password", help="Give an existing administrator the configured password.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of sentences.")] = False,
) -> None:
    """Prepare the store and make sure that the configured administrator and the sample courses are there.

    Example: NOTECHONDRIA_ADMIN_PASSWORD=... notechondria bootstrap --reset-password
    """
    with opened_store() as services:
        settings = services.settings
        made = weak = None
        if settings.superuser_password is not None:
            administrator = administrator_of(settings)
            made = ensure_administrator(services.commands, administrator, reset_password=reset_password)
            weak = weakness(administrator.password)
        elif reset_password:
            fail("NOTECHONDRIA_ADMIN_PASSWORD is not set: there is no password to give.")
        samples = seed_samples(services) if settings.bootstrap_sample_content else []
    if as_json:
        about = None if made is None else {"username": settings.superuser_username, "state": made, "weak_password": weak}
        print(json.dumps({"administrator": about, "samples": samples}))
        return
    if made is None:
        print("No administrator is configured: NOTECHONDRIA_ADMIN_PASSWORD is not set.")
    else:
        print(f"Administrator {settings.superuser_username}: {made}.")
    if weak is not None:
        print(f"The configured password is weak: {weak}")
    for line in samples:
        print(line)
