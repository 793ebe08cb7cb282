"""The product's door over a real database, and the calendars that they read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.app import Door, area_routes
from settings import Settings, load_settings
from tests.accounts.people import Person, make_person
from tests.door.serving import serving
from wiring import Services, build_services, prepare


@pytest.fixture(scope="module")
def settings(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the server under test."""
    folder: Path = tmp_path_factory.mktemp("data")
    return load_settings(database_url=module_database_url, data_dir=folder, feed_allowed_hosts=("127.0.0.1",))


@pytest.fixture(scope="module")
def services(settings: Settings) -> Services:
    """What stands behind the door."""
    prepare(settings)
    return build_services(settings)


@pytest.fixture(scope="module")
def door(services: Services) -> Iterator[httpx.Client]:
    """A client of the running server."""
    with serving(Door(services, area_routes())) as door_client:
        yield door_client


@pytest.fixture
def person(door: httpx.Client, services: Services) -> Person:
    """Somebody who is signed in."""
    return make_person(services)


@pytest.fixture
def client(door: httpx.Client, person: Person) -> Iterator[httpx.Client]:
    """A signed-in client of this person."""
    with httpx.Client(base_url=f"{door.base_url}/api/v1", headers=person.headers, timeout=120) as signed_in:
        yield signed_in
