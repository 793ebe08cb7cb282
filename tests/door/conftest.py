"""The door over a real database, with the test routes beside the real ones."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api.app import Door, area_routes, mount
from settings import Settings, load_settings
from tests.door.people import Person, sign_up
from tests.door.routes import PREFIX, ROUTES
from tests.door.serving import serving
from wiring import Services


@pytest.fixture(scope="module")
def settings(module_database_url: str) -> Settings:
    """Settings of the server under test."""
    return load_settings(
        database_url=module_database_url,
        allowed_hosts=("127.0.0.1", "notes.example.org", ".example.net"),
        trusted_proxies=("127.0.0.1",),
        trusted_origins=("https://app.example.org",),
    )


@pytest.fixture(scope="module")
def door(services: Services) -> Iterator[httpx.Client]:
    """A client of the running server."""
    app = Door(services, [*area_routes(), *mount(ROUTES, PREFIX, "test")])
    with serving(app) as client:
        yield client


@pytest.fixture(scope="module")
def person(door: httpx.Client, services: Services) -> Person:
    """Somebody who is signed in."""
    return sign_up(services)
