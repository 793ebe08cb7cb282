"""Stores for the tests of the machinery."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from projections.catalog import ALL_PROJECTIONS
from tests.replay.probes import Uses
from tests.replay.store import Store, open_store


@pytest.fixture
def uses() -> Uses:
    """The following projection under test."""
    return Uses()


@pytest.fixture
def store(database_url: str, uses: Uses) -> Iterator[Store]:
    """All inline projections and the following one."""
    with open_store(database_url, (*ALL_PROJECTIONS, uses)) as opened:
        yield opened
