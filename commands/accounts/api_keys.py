"""The API key of an account (contract: accounts 12)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from commands.accounts.lookups import AccountLookups
from commands.accounts.refusals import own_account
from commands.handling import Work
from eventstore.events import accounts
from eventstore.mails import Mail

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


def rotate_api_key(work: Work[AccountLookups], account_id: int, key_digest: str, key_prefix: str) -> str:
    """Puts the new key in the place of the old one, which is dead from then on; returns the address to tell, if there is any."""
    account = own_account(work, account_id)
    account.trigger(accounts.ApiKeyRotated, work.context.now, key_digest=key_digest, key_prefix=key_prefix)
    return account.proven_email


def key_made_mail(email: str) -> Mail:
    """Tells the holder."""
    text = (
        "A new API key of your Notechondria account was made; the one before, if there was any, is good no more.\n\n"
        "If this was not you, reset the password from the sign-in page, sign in, and make a new key.\n"
    )
    return Mail(email, "A new API key of your Notechondria account", text)
