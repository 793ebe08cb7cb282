"""Forgets what has lain in recycle bins for longer than the operator keeps it. Off unless a number of days is set."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import psycopg
import structlog

from commands.attachments.commands import purge_deleted_attachments
from commands.context import Context
from commands.handling import Handling, Work
from commands.lookups import Lookups
from commands.notes.bin import purge_deleted_notes
from reactors.following import Periodic
from settings import Settings

EVERY = timedelta(hours=1)
BATCH = 100

log = structlog.get_logger("notechondria.retention")


class RetentionServices(Protocol):
    """What this works with."""

    @property
    def commands(self) -> Handling[Lookups]:
        """Carries out commands."""

    @property
    def settings(self) -> Settings:
        """For how long things are kept."""


def forget_old(services: RetentionServices) -> Iterator[None]:
    """Empties all bins of what is too old, batch by batch."""
    days = services.settings.bin_retention_days
    if days is not None:
        yield from empty_bins(services, before=datetime.now(UTC) - timedelta(days=days))


def empty_bins(services: RetentionServices, before: datetime) -> Iterator[None]:
    """Empties all bins of what was deleted before a time, one account after the other. One that fails does not keep up the others.

    The first time on a large server that may take minutes.
    """
    for owner in services.commands.lookups.owners_of_old_bins(before):
        try:
            count = yield from _empty(services, owner, before)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception:
            log.exception("cannot forget what has lain in a recycle bin for too long", account=owner)
        else:
            log.info("forgot what had lain in a recycle bin for too long", account=owner, notes=count)


def _empty(services: RetentionServices, owner: int, before: datetime) -> Generator[None, None, int]:
    """In batches, each a command of its own: a bin may hold anything."""
    lookups, context = services.commands.lookups, partial(Context, actor=None, channel="system")
    count = after = 0
    while note_ids := lookups.deleted_notes(owner, before, after=after, limit=BATCH):
        count += services.commands.run(partial(_purge_notes, owner, note_ids, before), context()).result
        after = note_ids[-1]
        yield
    after = 0
    while files := lookups.deleted_attachments(owner, before, after=after, limit=BATCH):
        services.commands.run(partial(_purge_files, files, before), context())
        after = files[-1]
        yield
    return count


def _purge_notes(owner: int, note_ids: Sequence[int], before: datetime, work: Work[Lookups]) -> int:
    return purge_deleted_notes(work, owner, note_ids, before)


def _purge_files(attachment_ids: Sequence[int], before: datetime, work: Work[Lookups]) -> None:
    purge_deleted_attachments(work, attachment_ids, before)


RETENTION: Periodic[RetentionServices] = Periodic("bin_retention", EVERY, forget_old)
