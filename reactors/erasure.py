"""Finishes erasures of accounts that a crash has interrupted, and removes what a registration has left that was never verified."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from commands.accounts.erasure import erase
from commands.handling import Handling
from commands.lookups import Lookups
from eventstore.blobs import Blobs, BlobStoreUnavailable
from eventstore.codec import Recorded
from eventstore.events.accounts import AccountErasureRequested, RegistrationExpired
from eventstore.events.base import stream_number
from eventstore.traces import remove_traces
from reactors.feeds.schedule import drop_unused
from reactors.following import Reactor, TryLater
from reactors.outbox import remove_mails_about
from settings import Settings


class ErasureServices(Protocol):
    """What erasing needs of the services."""

    @property
    def commands(self) -> Handling[Lookups]:
        """The write side."""
        ...

    @property
    def blobs(self) -> Blobs:
        """The files."""
        ...

    @property
    def settings(self) -> Settings:
        """Where mails were put down."""
        ...

    @property
    def thread_pool(self) -> ConnectionPool[Connection[TupleRow]]:
        """Connections."""
        ...


def erase_account(services: ErasureServices, account_id: int) -> None:
    """Erases an account that was shut for it, with its mails, traces and files. Doing it again does nothing.

    Raises BlobStoreUnavailable; by then all but the files is gone.
    """
    erase(services.commands, account_id)
    remove_traces(services.thread_pool, account_id)
    remove_mails_about(services.settings.outbox, account_id)
    drop_unused(services.thread_pool, timedelta())
    services.blobs.clear_now(f"user_upload/user_{account_id}")


def _react(recorded: Recorded, services: ErasureServices) -> None:
    try:
        erase_account(services, stream_number(recorded.event.originator_id))
    except BlobStoreUnavailable as error:
        raise TryLater(str(error)) from error


ERASURE: Reactor[ErasureServices] = Reactor("erasure", (AccountErasureRequested, RegistrationExpired), _react)
