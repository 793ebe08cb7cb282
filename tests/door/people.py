"""Accounts with sessions and API keys, made by appending the events that say so."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass
from typing import Any

from commands.aggregate import Aggregate
from commands.context import Context
from commands.handling import Work
from eventstore.events import Event, accounts, sessions
from projections.reading import secret_digest
from wiring import Services

numbers = itertools.count(1_000_000)


class Stream(Aggregate):
    """Any stream, without rules: its name is given whole."""

    kind = "any"


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
    account_id, session_id = next(numbers), next(numbers)
    username, token = f"person{account_id}", secrets.token_hex(20)
    story: list[tuple[type[Event], dict[str, Any]]] = [
        (
            accounts.AccountRegistered,
            {"username": username, "email": f"{username}@example.org", "password_hash": None},
        )
    ]
    if active:
        story.append((accounts.AccountVerified, {}))
    if staff:
        story.append((accounts.AccountPromoted, {"is_staff": True, "is_superuser": False}))
    append(services, f"account-{account_id}", story)
    started = {
        "account_id": account_id,
        "key_digest": secret_digest(services.key, token),
        "device_label": "Linux",
        "user_agent": "",
        "network_digest": "",
    }
    append(services, f"session-{session_id}", [(sessions.SessionStarted, started)])
    return Person(account_id, session_id, username, token)


def append(services: Services, stream: str, story: list[tuple[type[Event], dict[str, Any]]]) -> None:
    """Appends events to a stream, with the read models that follow at once."""

    def decide(work: Work[Any]) -> None:
        aggregate = Stream(stream)
        aggregate.version = _version(services, stream)
        work.aggregates[stream] = aggregate
        for event_type, payload in story:
            aggregate.trigger(event_type, work.context.now, **payload)

    services.commands.run(decide, Context(actor=None, channel="system"))


def give_api_key(services: Services, person: Person) -> str:
    """A new API key."""
    key = f"ntc_{secrets.token_hex(16)}"
    rotated = {"key_digest": secret_digest(services.key, key), "key_prefix": key[:8]}
    append(services, f"account-{person.account_id}", [(accounts.ApiKeyRotated, rotated)])
    return key


def _version(services: Services, stream: str) -> int:
    with services.thread_pool.connection() as connection:
        row = connection.execute("SELECT coalesce(max(version), 0) FROM log.events WHERE stream = %s", (stream,)).fetchone()
    assert row is not None
    return int(row[0])
