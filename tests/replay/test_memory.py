"""Rows that a process remembers save reading them, and are never older than the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from commands.context import Context, Glimpse, utc_now
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from eventstore.codec import Recorded, stored_events
from eventstore.events import notes
from projections.catalog import ALL_PROJECTIONS
from projections.memory import RowMemory
from projections.reading import Credentials, versions_since
from projections.rebuild import rebuild
from projections.rows import Rows
from settings import load_settings
from tests.golden.publish import sample
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


def _kept(content: str, limit: int) -> int:
    """Of how many notes with this text the rows are remembered."""
    memory = RowMemory(limit)
    projection = next(projection for projection in ALL_PROJECTIONS if projection.name == "notes")
    created = sample(notes.NoteCreated)
    assert isinstance(created, notes.NoteCreated)
    batches = [[Recorded(n, replace(created, originator_id=f"note-{n}", content=content), b"")] for n in range(1, 101)]
    for batch in batches:
        rows = Rows(projection, "notes")
        rows.wanted(batch)
        projection.apply(rows, batch)
        # What is stored is worked out then.
        assert list(rows.changes())
        memory.keep([rows], batch, "a build")
    kept = 0
    for batch in batches:
        rows = Rows(projection, "notes")
        after = [Recorded(1000, replace(batch[0].event, originator_version=2), b"")]
        memory.recall(rows, after, {})
        kept += any(row is not None for _, _, row in rows.known())
    return kept


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


def test_rows_weigh_what_their_texts_take() -> None:
    assert 30 <= _kept("x" * 5_000, 2**19) <= 40
    # Two bytes each, and three for the UTF-8 that Python keeps of a text once it was asked for.
    assert 8 <= _kept("漢" * 5_000, 2**19) <= 16


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
