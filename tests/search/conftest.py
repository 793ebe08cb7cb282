"""The same server, people and notes as the tests of courses have, and a follower that can be made to catch up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eventstore.reader import LogReader
from projections.following import apply_batch, stored_position
from projections.search.projector import Search
from tests.courses.conftest import make_course, make_note, mira, noah, server, services
from wiring import Services

__all__ = ["catch_up", "make_course", "make_note", "mira", "noah", "server", "services"]


@pytest.fixture
def catch_up(services: Services) -> Callable[[], None]:
    """Brings the index to the head of the log."""

    def follow() -> None:
        projection = Search()
        with services.thread_pool.connection() as connection:
            position = stored_position(connection, projection)
            reader = LogReader(services.thread_pool)
            while batch := reader.read(position, 1000):
                position = apply_batch(connection, projection, position, batch)

    return follow
