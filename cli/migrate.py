"""`notechondria migrate`: brings the database to this release, as every start does first."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.store import fail, opened_database
from eventstore.migrate import pending
from wiring import due_rebuilds, prepare


def migrate(
    *,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 if there is something to do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of sentences.")] = False,
) -> None:
    """Migrate the log and rebuild the read models that this release has changed.

    Example: notechondria migrate
    Example: notechondria migrate --check
    """
    with opened_database() as settings:
        if check:
            _tell_due(pending(settings.conninfo()), due_rebuilds(settings.conninfo()), as_json=as_json)
            return
        done = prepare(settings)
    if as_json:
        print(json.dumps({"applied": list(done.migrations), "rebuilt": list(done.rebuilt)}))
        return
    print(f"Applied: {', '.join(done.migrations) or 'nothing'}.")
    print(f"Rebuilt: {', '.join(done.rebuilt) or 'nothing'}.")


def _tell_due(missing: list[str], rebuilds: list[str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"pending": missing, "rebuild": rebuilds}))
        if missing or rebuilds:
            raise typer.Exit(1)
    elif missing or rebuilds:
        fail(f"Not applied yet: {', '.join(missing) or 'nothing'}. Not rebuilt yet: {', '.join(rebuilds) or 'nothing'}.")
    else:
        print("The log and the read models are up to date.")
