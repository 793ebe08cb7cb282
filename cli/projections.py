"""`notechondria projections`: look at the read models, rebuild them, compare them with the log, retry what waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from cli.stopping import on_stop, stop_no_more
from cli.store import fail, opened_log, print_table, problems
from projections.base import Projection
from projections.catalog import ALL_PROJECTIONS
from projections.health import FollowerHealth, Health, health_now
from projections.loops import connect
from projections.parking import Parked, parked_streams, retry_parked
from projections.progress import Progress
from projections.rebuild import rebuild
from projections.verify import Difference, Verification, verify
from reactors.catalog import ALL_REACTORS
from reactors.following import PARKED_NAME, Reactor, retry_reactor
from wiring import build_services

app = typer.Typer(no_args_is_help=True, help="List, verify and rebuild read models, and retry parked streams.")

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Name = Annotated[str | None, typer.Argument(help="One projection; see `projections list`.")]
All = Annotated[bool, typer.Option("--all", help="All projections, in one pass over the log.")]


@app.command("list")
def list_projections(*, as_json: AsJson = False) -> None:
    """Show every projection and reactor: position, lag, time since its last sign of life, and parked streams.

    Inline projections have no position of their own: they change with each write. SILENT is what should run and does not.

    Example: notechondria projections list
    """
    with opened_log() as settings, psycopg.connect(settings.conninfo(), autocommit=True) as connection:
        found = health_now(connection)
        waiting = {f.name: parked_streams(connection, _parked_as(f)) for f in found.followers if f.parked}
    if as_json:
        _print_json({"head": found.head, "followers": [_follower(f, waiting.get(f.name, [])) for f in found.followers]})
    else:
        _print_table(found, waiting)


@app.command("rebuild")
def rebuild_projections(
    name: Name = None,
    *,
    every: All = False,
    throttle: Annotated[float | None, typer.Option(min=1, help="Maximum number of events per second.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild the tables from the log while the server runs, and swap them in.

    Reads and writes go on meanwhile. Stopping it (Ctrl+C, or a crash) changes nothing.

    Example: notechondria projections rebuild notes --throttle 20000
    """
    chosen = _chosen(name, every=every)
    with opened_log() as settings, _shown("Rebuilding", quiet=as_json) as progress:
        done = rebuild(settings.conninfo(), chosen, progress=progress, throttle=throttle)
    if as_json:
        _print_json(asdict(done))
        return
    rate = done.events / max(done.seconds, 1e-9)
    print(f"Rebuilt {', '.join(done.projections)}: {done.events} events in {done.seconds:.1f} s, {rate:.0f} events/s.")
    if done.parked:
        print(f"{done.parked} streams wait because of errors; `notechondria projections list` shows them.")


@app.command("verify")
def verify_projections(name: Name = None, *, every: All = False, as_json: AsJson = False) -> None:
    """Replay the log and compare the result with the live tables, row by row. Exits with 1 when anything differs.

    Example: notechondria projections verify --all
    """
    chosen = _chosen(name, every=every)
    with opened_log() as settings, _shown("Verifying", quiet=as_json) as progress:
        found = verify(settings.conninfo(), chosen, progress=progress)
    if as_json:
        _print_json(asdict(found))
    else:
        _print_verification(found)
    if found.different:
        raise typer.Exit(1)


@app.command("retry")
def retry_streams(
    name: Annotated[str, typer.Argument(help="A projection or reactor; see `projections list`.")], *, as_json: AsJson = False
) -> None:
    """Retry the parked streams. Exits with 1 when some still fail.

    Example: notechondria projections retry search
    """
    projection = next((p for p in ALL_PROJECTIONS if p.name == name and p.lifecycle == "following"), None)
    reactor = next((r for r in ALL_REACTORS if r.name == name and isinstance(r, Reactor)), None)
    if reactor is None and any(r.name == name for r in ALL_REACTORS):
        fail(f"{name} goes by the clock, not by the log: no stream waits for it.", 2)
    if projection is None and reactor is None:
        fail(f"There is no following projection and no reactor called {name}.", 2)
    with opened_log() as settings, connect(settings.conninfo(), "notechondria-retry") as connection:
        if projection is not None:
            freed, waiting = retry_parked(connection, projection)
        else:
            assert isinstance(reactor, Reactor)
            services = build_services(settings)
            with services.thread_pool:
                freed, waiting = retry_reactor(connection, reactor, services)
    if as_json:
        _print_json({"freed": freed, "waiting": [asdict(parked) for parked in waiting]})
    else:
        print(f"{len(freed)} streams go on, {len(waiting)} still wait.")
        for parked in waiting:
            print(f"  {parked.stream} from position {parked.position}: {parked.error}")
    if waiting:
        raise typer.Exit(1)


def _chosen(name: str | None, *, every: bool) -> Sequence[Projection]:
    if every == (name is not None):
        fail("Name one projection, or give --all.", 2)
    chosen = [p for p in ALL_PROJECTIONS if every or p.name == name]
    if not chosen:
        fail(f"There is no projection called {name}. There are: {', '.join(p.name for p in ALL_PROJECTIONS)}.", 2)
    return chosen


@contextmanager
def _shown(title: str, *, quiet: bool) -> Iterator[Progress]:
    """Progress with a bar on the terminal, and Ctrl+C and the like as the way to stop. What comes after it is the end of the process."""
    progress = Progress()
    on_stop(lambda _number: progress.cancel.set())
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[speed]}"))
    try:
        with Bar(*columns, console=problems, disable=quiet or not problems.is_terminal) as bar:
            progress.tell = _teller(bar, bar.add_task(title, total=None, speed=""), title)
            yield progress
    finally:
        # The work is done or given up; a signal must not make a failure of what only tells so.
        stop_no_more()


def _teller(bar: Bar, task: TaskID, title: str) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        left = progress.seconds_left
        speed = f"{progress.events} events, {progress.events_per_second:.0f}/s" + (f", {left:.0f} s left" if left is not None else "")
        bar.update(task, description=f"{title}: {progress.phase}", total=progress.head or None, completed=progress.position, speed=speed)

    return tell


def _parked_as(follower: FollowerHealth) -> str:
    return PARKED_NAME + follower.name if follower.kind == "reactor" else follower.name


def _follower(follower: FollowerHealth, waiting: Sequence[Parked]) -> dict[str, Any]:
    return asdict(follower) | {"alive": follower.alive, "waiting": [asdict(parked) for parked in waiting]}


def _print_json(value: object) -> None:
    print(json.dumps(value, default=lambda other: other.isoformat() if isinstance(other, datetime) else str(other)))


def _print_table(found: Health, waiting: dict[str, list[Parked]]) -> None:
    rows: list[tuple[object, ...]] = []
    for f in found.followers:
        moving = ("", "", "") if f.kind == "inline" else (f.position, f.lag, f"{f.silent_s:.0f} s" + ("" if f.alive else " SILENT"))
        rows.append((f.name, f.kind, f.version or "", *moving, f.parked or ""))
    print_table(("name", "kind", "version", "position", "behind", "last tick", "waiting"), rows, f"Head of the log: position {found.head}")
    for name, streams in waiting.items():
        for parked in streams:
            print(f"{name}: {parked.stream} waits from position {parked.position}: {parked.error}")


def _print_verification(found: Verification) -> None:
    for difference in found.differences:
        print(_sentence(difference))
    if found.different > len(found.differences):
        print(f"... and {found.different - len(found.differences)} more.")
    print(f"{found.rows} rows compared with a replay of {found.events} events in {found.seconds:.1f} s: {found.different} differ.")


def _sentence(d: Difference) -> str:
    key = ", ".join(f"{name}={value}" for name, value in d.key.items())
    text = f"{d.kind}: {d.projection}.{d.table} {key}"
    for column, (live, replayed) in d.columns.items():
        text += f"\n    {column}: {_short(live)} is live, {_short(replayed)} was expected"
    return text + (f"\n    last event: {d.event}" if d.event else "")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
