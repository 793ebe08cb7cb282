"""Retires login sessions that ended long ago, so that the table every request looks into holds none of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from commands.context import Context
from commands.handling import Handling, Work
from commands.lookups import Lookups
from commands.sessions import RETIRED_AFTER, retire_sessions
from reactors.following import Periodic

EVERY = timedelta(minutes=30)
BATCH = 100
MOST_BATCHES = 50
"""In one round; the rest has time."""


class SessionServices(Protocol):
    """What this works with."""

    @property
    def commands(self) -> Handling[Lookups]:
        """Carries out commands."""

    @property
    def lookups(self) -> Lookups:
        """Finds old sessions."""


def retire_old_sessions(services: SessionServices) -> None:
    """One round, the oldest first."""
    for _ in range(MOST_BATCHES):
        batch = services.lookups.oldest_sessions(datetime.now(UTC) - RETIRED_AFTER, BATCH)
        if not batch:
            break
        services.commands.run(partial(_retire, batch), Context(actor=None, channel="system"))


def _retire(session_ids: list[int], work: Work[Lookups]) -> None:
    retire_sessions(work, session_ids)


SESSIONS: Periodic[SessionServices] = Periodic("old_sessions", EVERY, retire_old_sessions)
