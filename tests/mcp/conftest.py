"""People with API keys."""

from __future__ import annotations

import httpx
import pytest

from tests.mcp.people import Keeper, make_keeper
from wiring import Services


@pytest.fixture
def keeper(door: httpx.Client, services: Services) -> Keeper:
    """Somebody with an API key."""
    return make_keeper(door, services)


@pytest.fixture
def other(door: httpx.Client, services: Services) -> Keeper:
    """Somebody else."""
    return make_keeper(door, services)
