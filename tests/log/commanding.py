"""Commands on a log of its own, without read models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from commands.handling import Handling
from eventstore.application import Log
from projections.inline import InlineProjections
from projections.lookups import SqlLookups
from projections.schema import create_missing
from tests.log.clusters import Pool


@contextmanager
def handling_on(pool: Pool) -> Iterator[Handling[Any]]:
    """Carries them out over this pool."""
    log = Log(pool)
    with pool.connection() as connection:
        create_missing(connection, [])
    yield Handling(log, SqlLookups(pool), InlineProjections([]))
    log.close()
