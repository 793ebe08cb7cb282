"""What decisions about accounts ask of the read models."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from commands.invitations import InvitationLookups
from commands.sessions import SessionLookups


class AccountLookups(InvitationLookups, SessionLookups, Protocol):
    """All of them. Spelling does not count: names and addresses are compared ignoring case,
    and the domain of an address in its own script is the same as in ASCII.
    """

    def account_of_email(self, email: str) -> int | None:
        """The account with this address, pending ones included."""

    def account_of_username(self, username: str) -> int | None:
        """The account with this name, pending ones included."""

    def account_of_identity(self, provider: str, provider_uid: str) -> int | None:
        """The account that an identity at a provider is linked to."""

    def sign_in_candidate(self, identifier: str) -> tuple[int, str | None, bool] | None:
        """(id, password hash, whether it may sign in) of the account meant by an address, else by a name."""

    def pending_holder(self, email: str) -> tuple[int, str, str | None] | None:
        """(id, name, password hash) of the account that waits for its address to be verified; None for all others."""

    def has_old_passwords(self) -> bool:
        """Whether the password of any account is still kept as the predecessor kept it."""

    def holder_of_email(self, email: str) -> tuple[int, str] | None:
        """(id, name) of the account with this address."""

    def holder(self, account_id: int) -> tuple[str, str] | None:
        """(name, address) of the account."""

    def address_of(self, account_id: int) -> str:
        """The address of the account; empty where it has none."""

    def password_of(self, account_id: int) -> str | None:
        """The password hash of the account."""

    def some_live_sessions(self, limit: int) -> list[int]:
        """Ids of sessions of anybody that could still be used, at most so many."""

    def owned_streams(self, account_id: int, limit: int) -> list[tuple[str, tuple[int, ...]]]:
        """(kind, ids) of things that belong to the account, deleted ones included, at most so many."""

    def pending_accounts(self, before: datetime, limit: int) -> list[int]:
        """Accounts that were registered before and never verified, at most so many; none that staff has shut."""
