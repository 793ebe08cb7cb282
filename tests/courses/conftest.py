"""A running server, people on it, and notes in their courses."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api.app import Door, area_routes
from commands.context import Context
from commands.courses.inbox import inbox_of
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from eventstore.events import notes
from tests.door.people import Person, sign_up
from tests.door.serving import serving
from wiring import Services

MakeNote = Callable[..., int]


@pytest.fixture(scope="module")
def server(services: Services) -> Iterator[httpx.Client]:
    """A client of the running server."""
    with serving(Door(services, area_routes())) as client:
        client.base_url = httpx.URL(f"{client.base_url}/api/v1/")
        yield client


@pytest.fixture
def mira(services: Services, server: httpx.Client) -> Person:
    return sign_up(services)


@pytest.fixture
def noah(services: Services, server: httpx.Client) -> Person:
    return sign_up(services)


@pytest.fixture
def make_note(services: Services, server: httpx.Client) -> MakeNote:
    """Writes a note and returns its id."""

    def make(owner: Person, course_id: int | None = None, *, title: str = "Note", content: str = "text", is_public: bool = False) -> int:
        def decide(work: Work[Lookups]) -> int:
            target = course_id if course_id is not None else inbox_of(work, owner.account_id)
            note = work.new(Note, work.lookups.next_id("note"))
            note.trigger(
                notes.NoteCreated,
                work.context.now,
                owner_id=owner.account_id,
                uuid=str(uuid.uuid4()),
                title=title,
                description="",
                content=content,
                metadata_json="",
                course_id=target,
                is_public=is_public,
                editor_mode="P",
                note_type="N",
                source_note_uuid=None,
                client_draft_id=None,
            )
            return note.number

        return services.commands.run(decide, Context(actor=owner.account_id, channel="web")).result

    return make


@pytest.fixture
def inbox(services: Services, server: httpx.Client) -> Callable[[Person], int]:
    """The id of somebody's Inbox, made if there is none."""

    def find(owner: Person) -> int:
        return services.commands.run(lambda work: inbox_of(work, owner.account_id), Context(actor=owner.account_id, channel="web")).result

    return find


@pytest.fixture
def make_course(server: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Makes a course over HTTP and returns it."""

    def make(owner: Person, title: str = "Biology", **fields: Any) -> dict[str, Any]:
        answer = server.post("courses/", json={"title": title, **fields}, headers=owner.headers)
        assert answer.status_code in {200, 201}, answer.text
        course: dict[str, Any] = answer.json()
        return course

    return make
