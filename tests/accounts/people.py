"""Accounts with sessions, made by the commands that operators use."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from commands.accounts.passwords import hash_password
from commands.accounts.registration import open_account
from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from commands.sessions import prepare_sign_in, start_session
from eventstore.digests import secret_digest
from wiring import Services

PASSWORD, NEXT_PASSWORD = "Correct-horse-7", "Another-horse-8"
PASSWORD_HASH = hash_password(PASSWORD)
numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in on one device."""

    account_id: int
    session_id: int
    username: str
    email: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What the apps send."""
        return {"Authorization": f"Token {self.token}"}


def make_person(services: Services, username: str | None = None, *, staff: bool = False) -> Person:
    """A verified account with a session; its password is PASSWORD."""
    name = username or f"somebody{next(numbers)}"
    email = f"{name.lower()}@example.org"
    sign_in = prepare_sign_in(lambda text: secret_digest(services.key, text), user_agent="", network="", method="cli")

    def decide(work: Work[Lookups]) -> tuple[int, int]:
        account = open_account(work, username=name, email=email, password_hash=PASSWORD_HASH, is_staff=staff)
        return account.number, start_session(work, account.number, account.epoch, sign_in)

    account_id, session_id = services.commands.run(decide, Context(actor=None, channel="cli")).result
    return Person(account_id, session_id, name, email, sign_in.key)
