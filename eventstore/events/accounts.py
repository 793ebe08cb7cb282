"""Events of accounts: stream account-<id>."""

from __future__ import annotations

from eventstore.events.base import Event


class AccountRegistered(Event):
    """Somebody asked for an account. It can log in once its address is verified."""

    username: str
    email: str
    password_hash: str | None
    """Argon2id, None for accounts that sign in through a provider only."""
    invitation_id: int | None = None


class AccountVerified(Event):
    """The address was proven; the account is active from here on."""


class AccountPromoted(Event):
    """Rights of staff or superuser were set."""

    is_staff: bool
    is_superuser: bool
