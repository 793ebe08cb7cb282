"""The product's door over a real database, and people who plan."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.accounts.people import Person


@pytest.fixture
def planner(door: httpx.Client, person: Person) -> Iterator[httpx.Client]:
    """A signed-in client of this person."""
    with httpx.Client(base_url=f"{door.base_url}/api/v1", headers=person.headers, timeout=60) as client:
        yield client
