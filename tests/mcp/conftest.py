"""The product's door over a real database, and people with API keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.app import Door, area_routes
from settings import Settings, load_settings
from tests.door.serving import serving
from tests.mcp.people import Keeper, make_keeper
from wiring import Services, build_services, prepare


@pytest.fixture(scope="module")
def settings(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the server under test."""
    folder: Path = tmp_path_factory.mktemp("data")
    return load_settings(database_url=module_database_url, data_dir=folder, rate_limits=False)


@pytest.fixture(scope="module")
def services(settings: Settings) -> Services:
    """What stands behind the door."""
    prepare(settings)
    return build_services(settings)


@pytest.fixture(scope="module")
def door(services: Services) -> Iterator[httpx.Client]:
    """A client of the running server."""
    with serving(Door(services, area_routes())) as client:
        yield client


@pytest.fixture
def keeper(door: httpx.Client, services: Services) -> Keeper:
    """Somebody with an API key."""
    return make_keeper(door, services)


@pytest.fixture
def other(door: httpx.Client, services: Services) -> Keeper:
    """Somebody else."""
    return make_keeper(door, services)
