"""Rows that a process remembers save reading them, and are never older than the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest

from commands.context import Context, Glimpse, utc_now
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from eventstore.codec import stored_events
from eventstore.events import notes
from projections.catalog import ALL_PROJECTIONS
from projections.reading import Credentials, versions_since
from projections.rebuild import rebuild
from settings import load_settings
from wiring import Services, build_services, opened_services, prepare

CONTEXT = Context(actor=1, channel="web")


@pytest.fixture
def services(database_url: str) -> Iterator[Services]:
    """One process's parts."""
    settings = load_settings(database_url=database_url)
    prepare(settings)
    with opened_services(settings) as services:
        yield services


def _create(work: Work[Lookups]) -> int:
    number = work.lookups.next_id("note")
    work.new(Note, number).trigger(
        notes.NoteCreated,
        utc_now(),
        owner_id=1,
        uuid=str(uuid4()),
        title="first",
        description="",
        content="text",
        metadata_json="",
        course_id=None,
        is_public=False,
        editor_mode="P",
        note_type="N",
        source_note_uuid=None,
        client_draft_id=None,
    )
    return number


def _rename(number: int, title: str) -> Callable[[Work[Lookups]], str]:
    def decide(work: Work[Lookups]) -> str:
        note = work.find(Note, number)
        assert note is not None
        before = note.title
        note.trigger(notes.NoteRenamed, utc_now(), title=title)
        return before

    return decide


def _describe(number: int, description: str) -> Callable[[Work[Lookups]], None]:
    def decide(work: Work[Lookups]) -> None:
        note = work.find(Note, number)
        assert note is not None
        note.trigger(notes.NoteDescribed, utc_now(), description=description)

    return decide


def _descriptions(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT title, description FROM notes.notes").fetchall()


def _falsify(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE notes.notes SET description = 'falsified'")


def test_rows_that_this_process_wrote_are_not_read_again(services: Services, database_url: str) -> None:
    number = services.commands.run(_create, CONTEXT).result
    services.commands.run(_rename(number, "second"), CONTEXT)
    _falsify(database_url)
    services.commands.run(_rename(number, "third"), CONTEXT)
    assert _descriptions(database_url) == [("third", "")]


def test_rows_that_another_process_wrote_are_read(services: Services, database_url: str) -> None:
    other = build_services(services.settings)
    with other.thread_pool:
        number = services.commands.run(_create, CONTEXT).result
        services.commands.run(_rename(number, "second"), CONTEXT)
        other.commands.run(_rename(number, "third"), CONTEXT)
        services.commands.run(_describe(number, "x"), CONTEXT)
        other.log.close()
    assert _descriptions(database_url) == [("third", "x")]


def _having_seen(services: Services, number: int) -> Context:
    """A request that has just looked at the note's stream."""
    stream = f"note-{number}"
    known = services.commands.remembered(stream)
    assert known is not None
    _, (version, *missed) = services.reader.ask_now(versions_since(stream, known), Credentials("none"))
    return Context(actor=1, channel="web", seen={stream: Glimpse(version, stored_events(stream, *missed) if any(missed) else ())})


def test_what_another_process_wrote_brings_the_memory_up_to_date(services: Services, database_url: str) -> None:
    other = build_services(services.settings)
    with other.thread_pool:
        number = services.commands.run(_create, CONTEXT).result
        services.commands.run(_rename(number, "first again"), CONTEXT)
        other.commands.run(_rename(number, "second"), CONTEXT)
        other.commands.run(_describe(number, "told elsewhere"), CONTEXT)
        # Neither the stream nor the rows are read again: what was written elsewhere comes from the glimpse.
        _falsify(database_url)
        context = _having_seen(services, number)
        assert services.commands.run(_rename(number, "third"), context).result == "second"
        other.log.close()
    assert _descriptions(database_url) == [("third", "told elsewhere")]


def test_a_glimpse_that_lacks_an_event_is_no_use(services: Services, database_url: str) -> None:
    other = build_services(services.settings)
    with other.thread_pool:
        number = services.commands.run(_create, CONTEXT).result
        other.commands.run(_describe(number, "x" * 70_000), CONTEXT)  # Longer than what is asked along.
        other.commands.run(_rename(number, "second"), CONTEXT)
        context = _having_seen(services, number)
        assert len(context.seen[f"note-{number}"].missed) == 1
        assert services.commands.run(_rename(number, "third"), context).result == "second"
        other.log.close()
    assert _descriptions(database_url) == [("third", "x" * 70_000)]


def test_what_a_rebuild_has_repaired_is_not_brought_back(services: Services, database_url: str) -> None:
    number = services.commands.run(_create, CONTEXT).result
    _falsify(database_url)
    services.commands.run(_rename(number, "second"), CONTEXT)
    assert _descriptions(database_url) == [("second", "falsified")]
    rebuild(database_url, [p for p in ALL_PROJECTIONS if p.name == "notes"])
    assert _descriptions(database_url) == [("second", "")]
    services.commands.run(_rename(number, "third"), CONTEXT)
    assert _descriptions(database_url) == [("third", "")]
