"""The same server, people and notes as the tests of courses have, and a follower that can be made to catch up."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import pytest

from commands.context import Context
from commands.courses.inbox import inbox_of
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from eventstore.events import notes
from eventstore.reader import LogReader
from projections.following import apply_batch, stored_position
from projections.search.projector import Search
from tests.courses.conftest import make_course, make_note, mira, noah, server
from tests.door.people import Person
from wiring import Services

__all__ = ["catch_up", "make_course", "make_note", "make_notes", "mira", "noah", "server"]


@pytest.fixture
def catch_up(services: Services) -> Callable[[], None]:
    """Brings the index to the head of the log."""

    def follow() -> None:
        projection = Search()
        with services.thread_pool.connection() as connection:
            position = stored_position(connection, projection)
            reader = LogReader(services.thread_pool)
            while batch := reader.read(position, 1000):
                position = apply_batch(connection, projection, position, batch)

    return follow


@pytest.fixture
def make_notes(services: Services) -> Callable[..., list[int]]:
    """Writes many notes at once, each a title and a text, and returns their ids."""

    def make(owner: Person, texts: Sequence[tuple[str, str]], *, is_public: bool = False) -> list[int]:
        def decide(work: Work[Lookups]) -> list[int]:
            course = inbox_of(work, owner.account_id)
            made = []
            for title, content in texts:
                note = work.new(Note, work.lookups.next_id("note"))
                note.trigger(
                    notes.NoteCreated, work.context.now, owner_id=owner.account_id, uuid=str(uuid.uuid4()), title=title, description="",
                    content=content, metadata_json="", course_id=course, is_public=is_public, editor_mode="P", note_type="N",
                    source_note_uuid=None, client_draft_id=None,
                )  # fmt: skip
                made.append(note.number)
            return made

        return services.commands.run(decide, Context(actor=owner.account_id, channel="web")).result

    return make
