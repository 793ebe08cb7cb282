"""The product's door over a real database, two people with two devices each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api.app import Door, area_routes
from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from commands.notes.bin import purge_notes, put_into_bin
from tests.accounts.people import Person, make_person
from tests.door.serving import serving
from wiring import Services


@pytest.fixture(scope="module")
def server(services: Services) -> Iterator[httpx.Client]:
    """A client of the running server that has not signed in."""
    with serving(Door(services, area_routes())) as client:
        client.base_url = client.base_url.join("/api/v1/")
        yield client


@pytest.fixture
def sign_in(server: httpx.Client, services: Services) -> Iterator[Callable[[], httpx.Client]]:
    """Signed-in clients, each of somebody else."""
    clients: list[httpx.Client] = []

    def make() -> httpx.Client:
        somebody = make_person(services)
        services.commands.run(lambda work: without_welcome(work, somebody.account_id), Context(actor=None, channel="system"))
        client = httpx.Client(base_url=server.base_url, headers=somebody.headers, timeout=60)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def without_welcome(work: Work[Lookups], account_id: int) -> None:
    """Purges the note that greets a new account: the tests here count notes."""
    inbox = work.lookups.default_course(account_id)
    for note_id, *_ in work.lookups.notes_in_courses([inbox]) if inbox is not None else ():
        note = work.find(Note, note_id)
        assert note is not None
        put_into_bin(work, note)
        purge_notes(work, [note])


@pytest.fixture
def mira(sign_in: Callable[[], httpx.Client]) -> httpx.Client:
    """Somebody who writes notes."""
    return sign_in()


@pytest.fixture
def ravi(sign_in: Callable[[], httpx.Client]) -> httpx.Client:
    """Somebody else."""
    return sign_in()


@pytest.fixture
def person(server: httpx.Client, services: Services) -> Person:
    """Somebody without a client."""
    return make_person(services)


@pytest.fixture
def write(mira: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Writes a note of Mira's and returns its detail."""

    def make(title: str = "Cell biology", **fields: Any) -> dict[str, Any]:
        answer = mira.post("notes/", json={"title": title, **fields})
        assert answer.status_code == 201, answer.text
        note: dict[str, Any] = answer.json()
        return note

    return make
