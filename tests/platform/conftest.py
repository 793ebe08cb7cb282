"""A door with limits, over a real database."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api.app import Door, area_routes
from settings import Settings, load_settings
from tests.accounts.people import PASSWORD, Person, make_person
from tests.door.serving import serving
from wiring import Services, build_services, prepare


@pytest.fixture(scope="module")
def prepared(module_database_url: str) -> Settings:
    """Settings over a database that is ready to use."""
    settings = load_settings(database_url=module_database_url, trusted_proxies=("127.0.0.1",))
    prepare(settings)
    return settings


@pytest.fixture
def services(prepared: Settings) -> Services:
    """What stands behind the door; made anew for each server, which closes it."""
    return build_services(prepared)


@pytest.fixture
def client(services: Services) -> Iterator[httpx.Client]:
    """A client of the running server."""
    with serving(Door(services, area_routes())) as client:
        yield client


@pytest.fixture
def staff(client: httpx.Client, services: Services) -> Person:
    """A member of the staff, signed in to the console."""
    person = make_person(services, staff=True)
    entered = client.post("/admin/login", data={"username": person.username, "password": PASSWORD})
    assert entered.status_code == 303, entered.text
    return person
