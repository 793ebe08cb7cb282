"""Forgets what has lain in recycle bins for longer than the operator keeps it. Off unless a number of days is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from commands.context import Context
from commands.handling import Handling
from commands.lookups import Lookups
from commands.notes.bin import empty_bin
from reactors.following import Periodic
from settings import Settings

EVERY = timedelta(hours=1)

log = structlog.get_logger("notechondria.retention")


class RetentionServices(Protocol):
    """What this works with."""

    @property
    def commands(self) -> Handling[Lookups]:
        """Carries out commands."""

    @property
    def settings(self) -> Settings:
        """For how long things are kept."""


def forget_old(services: RetentionServices) -> None:
    """Empties all bins of what is too old."""
    days = services.settings.bin_retention_days
    if days is not None:
        empty_bins(services, before=datetime.now(UTC) - timedelta(days=days))


def empty_bins(services: RetentionServices, before: datetime) -> None:
    """Empties all bins of what was deleted before a time, one account after the other."""
    for owner in services.commands.lookups.owners_of_old_bins(before):
        count = _empty(services, owner, before)
        log.info("forgot what had lain in a recycle bin for too long", account=owner, notes=count)


def _empty(services: RetentionServices, owner: int, before: datetime) -> int:
    return services.commands.run(lambda work: empty_bin(work, owner, before), Context(actor=None, channel="system")).result


RETENTION: Periodic[RetentionServices] = Periodic("bin_retention", EVERY, forget_old)
