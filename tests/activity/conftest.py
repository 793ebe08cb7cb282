"""The product's door over a real database, somebody who is signed in, and the notes that they wrote."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime

import httpx
import pytest

from commands.context import Context, utc_now
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from eventstore.events import notes
from tests.accounts.people import Person
from wiring import Services

WriteNote = Callable[..., int]
_titles = (f"Note {number}" for number in itertools.count(1))


@pytest.fixture
def client(door: httpx.Client, person: Person) -> Iterator[httpx.Client]:
    """A signed-in client of this person."""
    with httpx.Client(base_url=f"{door.base_url}/api/v1", headers=person.headers, timeout=60) as signed_in:
        yield signed_in


@pytest.fixture
def write_note(services: Services, person: Person) -> WriteNote:
    """Writes a note into this person's history, at any time: write_note(words, at, title=..., description=...) -> id."""

    def write(
        words: int = 3, at: datetime | None = None, *, title: str | None = None, description: str | None = None, public: bool = False
    ) -> int:
        def decide(work: Work[Lookups]) -> int:
            note = work.new(Note, work.lookups.next_id("note"))
            note.trigger(
                notes.NoteCreated,
                at or utc_now(),
                owner_id=person.account_id,
                uuid=str(uuid.uuid4()),
                title=title or next(_titles),
                description=description,
                content="word " * words,
                metadata_json="{}",
                course_id=None,
                is_public=public,
                editor_mode="G",
                note_type="N",
                source_note_uuid=None,
                client_draft_id=None,
            )
            return note.number

        return services.commands.run(decide, Context(actor=person.account_id, channel="cli")).result

    return write
