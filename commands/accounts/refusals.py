"""Sentences of refusals that several commands on accounts share (contract: accounts 3)."""

from __future__ import annotations

from commands.accounts.aggregate import Account
from commands.accounts.lookups import AccountLookups
from commands.errors import Invalid, NotFound
from commands.handling import Work

USERNAME_IN_USE = "Settings not saved: Backend.Creators.Settings/update.validate_username — this user name is taken."
EMAIL_IN_USE = "Settings not saved: Backend.Creators.Settings/update.validate_email — an account with this address exists."

SETTINGS_CONFLICTS = {
    "accounts_username_unique": Invalid({"username": [USERNAME_IN_USE]}),
    "accounts_email_unique": Invalid({"email": [EMAIL_IN_USE]}),
}


def own_account(work: Work[AccountLookups], account_id: int) -> Account:
    """The caller's account. Raises NotFound when it was erased meanwhile."""
    account = work.find(Account, account_id)
    if account is None or account.state == "gone":
        raise NotFound("account")
    return account
