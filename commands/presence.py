"""Noting that a session or API key is in use, now and then and beside the request (contract: accounts 9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from commands.context import Context, utc_now
from commands.handling import Handling
from commands.lookups import Lookups
from commands.sessions import SEEN_EVERY, note_seen


class InUse(Protocol):
    """What a door knows of its caller."""

    @property
    def account_id(self) -> int | None:
        """The account, None for anonymous callers."""

    @property
    def session_id(self) -> int | None:
        """The session; None with an API key."""

    @property
    def seen_at(self) -> datetime | None:
        """When the session or key was last noted as used."""


def presence_is_due(caller: InUse | None) -> bool:
    """Whether this use is to be noted."""
    if caller is None or caller.account_id is None:
        return False
    return caller.seen_at is None or utc_now() - caller.seen_at >= SEEN_EVERY


def note_presence(handling: Handling[Lookups], note_key_use: Callable[[int], None], caller: InUse) -> None:
    """Notes the use. Of two requests at once the second finds it noted."""
    assert caller.account_id is not None
    if caller.session_id is None:
        note_key_use(caller.account_id)
        return
    session_id = caller.session_id
    context = Context(actor=caller.account_id, channel="system", session=session_id)
    handling.run(lambda work: note_seen(work, session_id), context)
