"""Closes note sessions that their clients never closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import psycopg
import structlog

from commands.context import Context
from commands.handling import Handling, Work
from commands.lookups import Lookups
from commands.note_sessions.commands import DANGLING_AFTER, close_dangling_session
from reactors.following import Periodic

EVERY = timedelta(minutes=5)
BATCH = 200

log = structlog.get_logger("notechondria.sessions")


class SessionServices(Protocol):
    """What this works with."""

    @property
    def commands(self) -> Handling[Lookups]:
        """Carries out commands."""

    @property
    def lookups(self) -> Lookups:
        """Finds open sessions."""


def close_dangling_sessions(services: SessionServices) -> None:
    """Closes what has been open for too long, the oldest first. One that cannot be closed does not keep up the others."""
    for session_id, started_by in services.lookups.open_sessions(datetime.now(UTC) - DANGLING_AFTER, BATCH):
        try:
            services.commands.run(partial(_close, session_id), Context(actor=None, channel="system", causation=started_by))
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception:
            log.exception("cannot close a note session that was left open", session=session_id)


def _close(session_id: int, work: Work[Lookups]) -> bool:
    return close_dangling_session(work, session_id)


DANGLING: Periodic[SessionServices] = Periodic("dangling_sessions", EVERY, close_dangling_sessions)
