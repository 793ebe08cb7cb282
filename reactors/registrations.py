"""Frees names and addresses that were registered and never verified, and tidies up what codes, guards and jobs leave behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from commands.accounts.registration import expire_registration
from commands.context import Context
from commands.handling import Handling
from commands.lookups import Lookups
from eventstore.housekeeping import remove_expired
from reactors.following import Periodic
from settings import Settings

PENDING_FOR = timedelta(days=7)
"""Unless the operator lets codes live longer."""
BATCH = 100
MOST_BATCHES = 50
"""In one round; the rest has time."""


class RegistrationServices(Protocol):
    """What this works with."""

    @property
    def commands(self) -> Handling[Lookups]:
        """Carries out commands."""

    @property
    def settings(self) -> Settings:
        """How long codes are good."""

    @property
    def thread_pool(self) -> ConnectionPool[Connection[TupleRow]]:
        """Connections."""


def expire_registrations(services: RegistrationServices, before: datetime) -> int:
    """Ends registrations that are older, in one round; returns how many. Their mails go with erasures, see reactors.erasure."""
    expired = 0
    for _ in range(MOST_BATCHES):
        batch = services.commands.lookups.pending_accounts(before, BATCH)
        if not batch:
            break
        for account_id in batch:
            expire = partial(expire_registration, account_id=account_id, before=before)
            expired += services.commands.run(expire, Context(actor=None, channel="system")).result
    return expired


def tidy_up(services: RegistrationServices) -> None:
    """One round."""
    pending_for = max(PENDING_FOR, timedelta(hours=services.settings.code_ttl_hours))
    expire_registrations(services, datetime.now(UTC) - pending_for)
    remove_expired(services.thread_pool)


REGISTRATIONS: Periodic[RegistrationServices] = Periodic("registrations", timedelta(minutes=30), tidy_up)
