"""Identity codes, and moving an account to another address in two steps (contract: accounts 11.1 and 11.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from commands.accounts.codes import IDENTITY, NEW_ADDRESS, identity_target, new_address_target
from commands.accounts.lookups import AccountLookups
from commands.accounts.proofs import MAILS_OF_NETWORK, Proofs
from commands.accounts.refusals import own_account
from commands.errors import Declined, Invalid, TooManyTries
from commands.handling import Work
from eventstore.events import accounts
from eventstore.guards import network_of
from eventstore.statements import Statement

NO_ADDRESS = "Code not sent: Backend.Creators.Auth/identity — the account has no address."
ADDRESS_IN_USE = "Address not changed: Backend.Creators.Auth/email.change.request — an account has this address."
IDENTITY_REFUSED = "Address not changed: Backend.Creators.Auth/email.change.request — the identity code is wrong, used up or expired."
CODE_REFUSED = "Address not changed: Backend.Creators.Auth/email.change.confirm — the code is wrong, used up or expired."
TAKEN_MEANWHILE = "Address not changed: Backend.Creators.Auth/email.change.confirm — another account has this address by now."
TOO_SOON = "Code not sent: Backend.Creators.Auth/identity — one was sent less than 60 seconds ago, please use that one."

CONFLICTS = {"accounts_email_unique": Invalid({"non_field_errors": [TAKEN_MEANWHILE]})}


def send_identity_code(lookups: AccountLookups, proofs: Proofs, account_id: int, *, network: str) -> str:
    """Mails a code to the account's present address, which it returns. Raises TooManyTries inside the cool-down."""
    holder = lookups.holder(account_id)
    if holder is None or not holder[1]:
        raise Declined(NO_ADDRESS)
    username, email = holder
    proofs.spend(MAILS_OF_NETWORK, network_of(network))
    target = identity_target(account_id, email)
    if not proofs.issue(IDENTITY, target, email=email, username=username, account_id=account_id):
        raise TooManyTries(proofs.codes.seconds_to_wait(IDENTITY.name, target) or 1, TOO_SOON)
    return email


def masked(email: str) -> str:
    """The first character and the domain."""
    name, at, domain = email.partition("@")
    return f"{name[0]}***@{domain}" if at and name else "***"


def request_email_change(
    lookups: AccountLookups, proofs: Proofs, account_id: int, *, email: str, digits: str, network: str
) -> tuple[Callable[[Work[AccountLookups]], str], Callable[[], str]]:
    """First step: (the decision, which yields the account's name; what tells the identity code's id afterwards)."""

    @cache
    def code() -> str:
        proofs.spend(MAILS_OF_NETWORK, network_of(network))
        target = identity_target(account_id, lookups.address_of(account_id))
        return proofs.checked_code(IDENTITY, target, digits, network=network, refusal=Declined(IDENTITY_REFUSED))

    def decide(work: Work[AccountLookups]) -> str:
        account = own_account(work, account_id)
        if work.lookups.account_of_email(email) is not None:
            raise Invalid({"new_email": [ADDRESS_IN_USE]})
        code_id = code()
        if code_id in account.used_codes:
            raise Declined(IDENTITY_REFUSED)
        account.trigger(accounts.EmailChangeRequested, work.context.now, email=email, code_id=code_id)
        return account.username

    return decide, code


def confirm_email_change(
    proofs: Proofs, account_id: int, *, email: str, digits: str, network: str
) -> tuple[Callable[[Work[AccountLookups]], str], Callable[[], str]]:
    """Second step: (the decision, which yields the old address if that was proven; what tells the code's id afterwards)."""
    refusal = Invalid({"non_field_errors": [CODE_REFUSED]})

    @cache
    def code() -> str:
        return proofs.checked_code(NEW_ADDRESS, new_address_target(account_id, email), digits, network=network, refusal=refusal)

    def decide(work: Work[AccountLookups]) -> str:
        account = own_account(work, account_id)
        code_id = code()
        if code_id in account.used_codes:
            raise refusal
        if work.lookups.account_of_email(email) is not None:
            raise CONFLICTS["accounts_email_unique"]
        old = account.proven_email
        account.trigger(accounts.EmailChanged, work.context.now, email=email, verified=True, code_id=code_id)
        return old

    return decide, code


def new_address_code(proofs: Proofs, account_id: int, email: str, username: str) -> Statement:
    """The second step's code, mailed to the new address in the transaction of the first step."""
    return proofs.issuing(NEW_ADDRESS, new_address_target(account_id, email), email=email, username=username, account_id=account_id)
