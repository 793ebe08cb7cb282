"""The API key of an account (contract: accounts 12)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from commands.accounts.lookups import AccountLookups
from commands.accounts.refusals import own_account
from commands.handling import Work
from eventstore.events import accounts

SHOWN = 8
"""Characters of the key that settings show."""


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A new key; the text goes to its owner only."""

    text: str

    @property
    def prefix(self) -> str:
        """What is shown of it later."""
        return self.text[:SHOWN]


def fresh_key() -> FreshKey:
    """A key from a secure source."""
    return FreshKey("ntc_" + secrets.token_hex(16))


def rotate_api_key(work: Work[AccountLookups], account_id: int, key_digest: str, key_prefix: str) -> None:
    """Puts the new key in the place of the old one, which is dead from then on."""
    account = own_account(work, account_id)
    account.trigger(accounts.ApiKeyRotated, work.context.now, key_digest=key_digest, key_prefix=key_prefix)
