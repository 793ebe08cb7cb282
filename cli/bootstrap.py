"""`notechondria bootstrap`: what every start does as well, by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from cli.store import fail, opened_store
from commands.accounts.passwords import weakness
from commands.bootstrap import EMAIL_TAKEN, NAME_TAKEN, Administrator, Ensured, ensure_administrator
from wiring import administrator_of, seed_samples


def bootstrap(
    *,
    reset_password: Annotated[
        bool, typer.Option("--reset-password", help="Give an existing administrator the configured password.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of sentences.")] = False,
) -> None:
    """Prepare the database and create the configured administrator and the sample courses if they are missing.

    Example: NOTECHONDRIA_ADMIN_PASSWORD=... notechondria bootstrap --reset-password
    """
    with opened_store() as services:
        settings = services.settings
        administrator = ensured = weak = None
        if settings.superuser_password is not None:
            administrator = administrator_of(settings)
            ensured = ensure_administrator(services.commands, administrator, reset_password=reset_password)
            weak = weakness(administrator.password)
        elif reset_password:
            fail("NOTECHONDRIA_ADMIN_PASSWORD is not set: there is no password to give.")
        samples = seed_samples(services) if settings.bootstrap_sample_content else []
    if as_json:
        about = None
        if administrator is not None and ensured is not None:
            about = {"username": administrator.username, **asdict(ensured), "weak_password": weak}
        print(json.dumps({"administrator": about, "samples": samples}))
    else:
        _tell(administrator, ensured, weak)
        for line in samples:
            print(line)
    if administrator is not None and ensured is not None and ensured.state == "name taken":
        fail(f"Another account has the administrator's name. {NAME_TAKEN.format(username=administrator.username)}")


def _tell(administrator: Administrator | None, ensured: Ensured | None, weak: str | None) -> None:
    if administrator is None or ensured is None:
        print("No administrator is configured: NOTECHONDRIA_ADMIN_PASSWORD is not set.")
        return
    print(f"Administrator {administrator.username}: {ensured.state}.")
    if ensured.email_taken:
        print(f"Another account has the administrator's address. {EMAIL_TAKEN}")
    if weak is not None:
        print(f"The configured password is weak: {weak}")
