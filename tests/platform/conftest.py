"""A door with limits, over a real database."""

from __future__ import annotations

import pytest

from settings import Settings, load_settings
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
