"""`notechondria events`: look at the log itself, and check it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated, Any

import orjson
import psycopg
import typer

from cli.progress import shown
from cli.store import LARGEST, fail, opened_log
from eventstore.database import sync_pool
from eventstore.reader import POLL_INTERVAL_S, LogReader, LogRow, newest_positions, row_at
from eventstore.verify import verify_log

events = typer.Typer(no_args_is_help=True, help="Inspect and check the event log.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
BATCH = 500
WIDTH = 100


@events.command("tail")
def tail_events(
    *,
    after: Annotated[
        int | None, typer.Option(min=0, max=LARGEST, help="Begin after this position; without it, show the newest events.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing new events until Ctrl+C.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="Number of events; with --follow, of those before the new ones.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show events in order of position.

    Example: notechondria events tail --after 1000 --limit 50
    """
    with opened_log() as settings, sync_pool(settings.conninfo(), size=1, name="notechondria-tail") as pool:
        if after is None:
            with pool.connection() as connection:
                after = min(newest_positions(connection, limit), default=1) - 1
        reader = LogReader(pool)
        left = limit
        while follow or left > 0:
            rows = reader.read(after, BATCH if left <= 0 else min(left, BATCH))
            show(rows, as_json=as_json)
            left -= len(rows)
            if rows:
                after = rows[-1].position
            elif follow:
                left = 0
                time.sleep(POLL_INTERVAL_S)
            else:
                break


@events.command("show")
def show_event(
    position: Annotated[int, typer.Argument(min=1, max=LARGEST, help="The event's position.")], *, as_json: AsJson = False
) -> None:
    """Show one event completely.

    Example: notechondria events show 1234
    """
    with opened_log() as settings, psycopg.connect(settings.conninfo()) as connection:
        row = row_at(connection, position)
    if row is None:
        fail(f"There is no event at position {position}.")
    elif as_json:
        show([row], as_json=True)
    else:
        print(orjson.dumps(as_object(row), option=orjson.OPT_INDENT_2).decode())


@events.command("verify")
def verify_events(*, as_json: AsJson = False) -> None:
    """Check the log: versions, times, types, payloads, snapshots, followers, sequences. Exits with 1 when something is wrong.

    Example: notechondria events verify
    """
    wrong = 0
    with opened_log() as settings, shown("Verifying the log", quiet=as_json) as progress:
        for finding in verify_log(settings.conninfo(), progress):
            wrong += 1
            if as_json:
                print(orjson.dumps({"kind": finding.kind, "place": finding.place, "problem": finding.problem}).decode())
            else:
                print(f"{finding.kind}: {finding.place} {finding.problem}")
    if wrong:
        raise typer.Exit(1)
    if not as_json:
        print("The log is in order.")


def show(rows: Iterable[LogRow], *, as_json: bool) -> None:
    """Prints events, one per line."""
    for row in rows:
        if as_json:
            print(orjson.dumps(as_object(row)).decode(), flush=True)
        else:
            when = row.recorded_at.isoformat(sep=" ", timespec="seconds")
            data = row.data.decode(errors="replace") if row.data else "(forgotten)"
            shortened = data if len(data) <= WIDTH else data[:WIDTH] + " ..."
            print(f"{row.position:>8}  {when}  {row.stream}@{row.version}  {row.type}  {shortened}", flush=True)


def as_object(row: LogRow) -> dict[str, Any]:
    """An event as it is shown to programs; data is null for a forgotten one."""
    return {
        "position": row.position,
        "stream": row.stream,
        "version": row.version,
        "type": row.type,
        "recorded_at": row.recorded_at,
        "data": _parsed(row.data) if row.data else None,
        "metadata": _parsed(row.metadata),
    }


def _parsed(stored: bytes) -> Any:
    """JSON, or the text as it is: what cannot be read is what one wants to look at."""
    try:
        return orjson.loads(stored)
    except ValueError:
        return stored.decode(errors="replace")
