"""`notechondria migrate`: brings the database to this release, as every start does first."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.store import fail, prepared_store
from eventstore.migrate import pending


def migrate(
    *,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 when there is something to do.")] = False,
) -> None:
    """Migrate the log and rebuild the read models that this release has changed.

    Example: notechondria migrate
    Example: notechondria migrate --check
    """
    with prepared_store(prepare=not check) as (conninfo, done):
        if done is None:
            missing = pending(conninfo)
            if missing:
                fail(f"Not applied yet: {', '.join(missing)}.")
            print("The log is up to date.")
            return
    print(f"Applied: {', '.join(done.migrations) or 'nothing'}.")
    print(f"Rebuilt: {', '.join(done.rebuilt) or 'nothing'}.")
