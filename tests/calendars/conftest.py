"""The product's door over a real database, and the calendars that they read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.accounts.people import Person
from tests.calendars.feed_server import FeedServer, feed_server


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """Feeds may be read from this machine."""
    return {"feed_allowed_hosts": ("127.0.0.1",)}


@pytest.fixture
def client(door: httpx.Client, person: Person) -> Iterator[httpx.Client]:
    """A signed-in client of this person."""
    with httpx.Client(base_url=f"{door.base_url}/api/v1", headers=person.headers, timeout=120) as signed_in:
        yield signed_in


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as running:
        yield running
