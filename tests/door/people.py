"""Accounts with sessions and API keys, made by the events that say so and nothing else: no Inbox, no password."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass

from commands.accounts.aggregate import Account
from commands.accounts.api_keys import fresh_key, rotate_api_key
from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from commands.sessions import prepare_sign_in, start_session
from eventstore.events import accounts
from wiring import Services

numbers = itertools.count(1_000_000)
SYSTEM = Context(actor=None, channel="system")


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in on one device."""

    account_id: int
    session_id: int
    username: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What the apps send."""
        return {"Authorization": f"Token {self.token}"}


def sign_up(services: Services, *, staff: bool = False, active: bool = True) -> Person:
    """A new account with a session."""
    account_id = next(numbers)
    username = f"person{account_id}-{secrets.token_hex(3)}"
    sign_in = prepare_sign_in(services.proofs.digest, user_agent="", network="", method="cli")

    def decide(work: Work[Lookups]) -> int:
        now = work.context.now
        account = work.new(Account, account_id)
        account.trigger(accounts.AccountRegistered, now, username=username, email=f"{username}@example.org", password_hash=None)
        if active:
            account.trigger(accounts.AccountVerified, now)
        if staff:
            account.trigger(accounts.AccountPromoted, now, is_staff=True, is_superuser=False)
        return start_session(work, account_id, account.epoch, sign_in)

    session_id = services.commands.run(decide, SYSTEM).result
    return Person(account_id, session_id, username, sign_in.key)


def give_api_key(services: Services, person: Person) -> str:
    """A new API key."""
    key = fresh_key()
    digest = services.proofs.digest(key.text)
    services.commands.run(lambda work: rotate_api_key(work, person.account_id, digest, key.prefix), SYSTEM)
    return key.text
