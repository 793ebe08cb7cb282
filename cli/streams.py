"""`notechondria streams`: one stream's events, and forgetting them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import psycopg
import typer
from eventsourcing.persistence import StoredEvent

from cli.events import AsJson, show
from cli.store import by_operator, fail, opened_log
from commands.accounts.aggregate import Account
from commands.aggregate import Aggregate
from commands.courses.aggregate import Course
from commands.notes.aggregate import Note
from eventstore.codec import FORGOTTEN, Codec
from eventstore.database import sync_pool
from eventstore.events.accounts import AccountRegistered
from eventstore.events.courses import CourseCreated
from eventstore.events.erasure import StreamForgotten
from eventstore.events.notes import NoteCreated
from eventstore.forgetting import Forgetting
from eventstore.reader import rows_of
from eventstore.recorder import LogRecorder, VersionConflict

SHOWN: dict[str, type[Aggregate]] = {
    AccountRegistered.__name__: Account,
    CourseCreated.__name__: Course,
    NoteCreated.__name__: Note,
}
"""What answers about other things show of streams, by their first event."""

streams = typer.Typer(no_args_is_help=True, help="Show or forget single streams, such as note-27.")

Stream = Annotated[str, typer.Argument(help="The stream's name, such as note-27.")]


@streams.command("show")
def show_stream(
    stream: Stream,
    *,
    at: Annotated[str | None, typer.Option(help="As of a version (12) or a time (2026-03-01T12:00).")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the events of a stream, all or up to a version or time.

    Example: notechondria streams show note-27 --at 2026-03-01
    """
    until = _until(at) if at is not None else None
    with opened_log() as settings, psycopg.connect(settings.conninfo()) as connection:
        rows = rows_of(connection, stream, until)
    if not rows:
        fail(f"There is no stream {stream}, or it has no event at that point.")
    show(rows, as_json=as_json)


@streams.command("forget")
def forget_stream(
    stream: Stream,
    *,
    reason: Annotated[str, typer.Option(help="Why; kept in the log.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Overwrite the payloads of all events of a stream for good. Type, version, position and time stay.

    The read models keep their rows until they are rebuilt: `notechondria projections rebuild --all`. Only this stream is
    forgotten: attachments and sessions of a note are streams of their own and stay, as do the files of attachments; notes of a
    course stay, in no course. To delete a note or an account with all that belongs to it, its owner empties the recycle bin or
    erases the account.

    Example: notechondria streams forget note-27 --reason "asked for by the author"
    """
    if not yes:
        typer.confirm(f"Overwrite everything in {stream} for good?", abort=True)
    with opened_log() as settings, sync_pool(settings.conninfo(), size=1, name="notechondria-forget") as pool:
        recorder = LogRecorder(pool)
        stored = recorder.select_events(stream)
        last = stored[-1].originator_version if stored else 0
        count = sum(event.state != FORGOTTEN and event.topic != StreamForgotten.__name__ for event in stored)
        if not count:
            fail(f"{stream} holds nothing that could be forgotten.")
        context = by_operator(reason)
        event = StreamForgotten(originator_id=stream, originator_version=last + 1, timestamp=context.now, reason=reason)
        try:
            told = [Codec().to_stored_event(event)]
            recorder.insert_events(
                told, metadata=context.metadata(), forgetting=[Forgetting(stream, last=last, shown_as=_shown_as(stored))]
            )
        except VersionConflict:
            fail(f"{stream} was changed at this moment: nothing was forgotten. Try again.")
    if as_json:
        print(json.dumps({"stream": stream, "forgotten": count}))
        return
    print(f"Forgot {count} events of {stream}. Rebuild the read models now: notechondria projections rebuild --all")


def _shown_as(stored: Sequence[StoredEvent]) -> tuple[str, ...]:
    """By what kept answers about other things tell that they show this one: a course shows its latest notes."""
    kind = SHOWN.get(stored[0].topic)
    if kind is None or stored[0].state == FORGOTTEN:
        return ()
    codec = Codec()
    shown = kind.project(None, [codec.to_domain_event(event) for event in stored])
    return shown.shown_as if shown is not None else ()


def _until(at: str) -> int | datetime:
    if at.isdecimal():
        return min(int(at), 2**31 - 1)
    try:
        when = datetime.fromisoformat(at)
    except ValueError:
        fail(f"{at} is neither a version nor a time such as 2026-03-01T12:00.")
        raise
    return when if when.tzinfo else when.replace(tzinfo=UTC)
