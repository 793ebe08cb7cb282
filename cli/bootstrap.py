"""`notechondria bootstrap`: what every start does as well, by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.store import fail, opened_store
from commands.bootstrap import ensure_administrator
from wiring import administrator_of, seed_samples


def bootstrap(
    *,
    reset_password: Annotated[
        bool, typer.Option("--reset-password", help="Give an existing administrator the configured password.")
    ] = False,
) -> None:
    """Prepare the store and make sure that the configured administrator and the sample courses are there.

    Example: DJANGO_SUPERUSER_PASSWORD=... notechondria bootstrap --reset-password
    """
    with opened_store() as services:
        settings = services.settings
        if settings.superuser_password is not None:
            made = ensure_administrator(services.commands, administrator_of(settings), reset_password=reset_password)
            print(f"Administrator {settings.superuser_username}: {made}.")
        elif reset_password:
            fail("NOTECHONDRIA_SUPERUSER_PASSWORD is not set: there is no password to give.")
        else:
            print("No administrator is configured: NOTECHONDRIA_SUPERUSER_PASSWORD is not set.")
        if settings.bootstrap_sample_content:
            for line in seed_samples(services):
                print(line)
