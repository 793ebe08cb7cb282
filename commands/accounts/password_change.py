"""A new password: by somebody who knows the old one, or who reads the account's mail (contract: accounts 10 and 11.2)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import cache

from commands.accounts.aggregate import Account
from commands.accounts.codes import IDENTITY, RESET, identity_target, reset_target
from commands.accounts.lookups import AccountLookups
from commands.accounts.passwords import hash_password, verify_password
from commands.accounts.proofs import MAILS_OF_NETWORK, UNKNOWN_ADDRESSES_OF_NETWORK, WRONG_LOGINS, Proofs
from commands.accounts.refusals import own_account
from commands.calendars.aggregates import CalendarAddress
from commands.errors import Declined, Invalid
from commands.handling import Work
from commands.lookups import Lookups
from commands.sessions import SignIn, revoke_sessions, start_session
from eventstore.events import accounts, calendars
from eventstore.guards import network_of
from eventstore.mails import Mail

UNKNOWN_ADDRESS = "Reset mail not sent: Backend.Creators.Auth/password.reset.request — no account has this address."
RESET_REFUSED = "Password not reset: Backend.Creators.Auth/password.reset.confirm — the code is wrong, used up or expired."
CODE_REFUSED = "Password not changed: Backend.Creators.Auth/password.change — the identity code is wrong, used up or expired."
CURRENT_REFUSED = "Password not changed: Backend.Creators.Auth/password.change — the current password is wrong."

Decide = Callable[[Work[AccountLookups]], int]


def request_reset(lookups: AccountLookups, proofs: Proofs, *, email: str, network: str) -> None:
    """Mails a code. Inside the cool-down nothing is sent and the first code stays good. Raises Invalid for unknown addresses."""
    holder = lookups.holder_of_email(email)
    if holder is None:
        with proofs.guarded((UNKNOWN_ADDRESSES_OF_NETWORK, network_of(network))):
            raise Invalid({"email": [UNKNOWN_ADDRESS]})
    account_id, username = holder
    proofs.spend(MAILS_OF_NETWORK, network_of(network))
    proofs.issue(RESET, reset_target(email), email=email, username=username, account_id=account_id)


def password_reset(
    lookups: AccountLookups, proofs: Proofs, *, email: str, digits: str, password: str, network: str
) -> tuple[Callable[[Work[Lookups]], int], str]:
    """(the decision, the code's id). Ends all sessions; opens no account that is not open.

    The code also proves the address. Where nobody had proven it before, whoever put it there may be somebody else: what would let
    them in beside the password goes, and what would let them read on.
    """
    refusal = Invalid({"non_field_errors": [RESET_REFUSED]})
    code_id = proofs.checked_code(RESET, reset_target(email), digits, network=network, refusal=refusal)
    password_hash = hash_password(password)

    def decide(work: Work[Lookups]) -> int:
        account_id = work.lookups.account_of_email(email)
        account = work.find(Account, account_id) if account_id is not None else None
        if account is None or code_id in account.used_codes:
            raise refusal
        account.trigger(accounts.PasswordReset, work.context.now, password_hash=password_hash, code_id=code_id)
        if account.verified and not account.email_verified:
            _shut_others_out(work, account, proofs)
        revoke_sessions(work, work.lookups.live_sessions(account.number), "password_reset")
        return account.number

    return decide, code_id


def _shut_others_out(work: Work[Lookups], account: Account, proofs: Proofs) -> None:
    now = work.context.now
    account.trigger(accounts.EmailChanged, now, email=account.email, verified=True)
    for provider in sorted(account.links):
        account.trigger(accounts.SocialAccountUnlinked, now, provider=provider)
    if account.api_key_digest is not None:
        # Nobody ever learns the key that takes the old one's place.
        account.trigger(accounts.ApiKeyRotated, now, key_digest=proofs.digest(secrets.token_hex(32)), key_prefix="")
    for address in work.find_all(CalendarAddress, work.lookups.good_calendar_addresses(account.number)):
        address.trigger(calendars.CalendarAddressRevoked, now)


def password_change(
    lookups: AccountLookups, proofs: Proofs, account_id: int, *, current: str, new: str, digits: str, sign_in: SignIn, network: str
) -> tuple[Decide, Callable[[], str]]:
    """(the decision, which ends all sessions and starts one for this device; what tells the code's id afterwards).

    What takes time or counts tries is done when the decision is first made: not at all when the request is a repetition.
    """

    @cache
    def proven() -> tuple[str, str, str]:
        stored = lookups.password_of(account_id)
        with proofs.guarded((WRONG_LOGINS, str(account_id))):
            if not verify_password(current, stored) or stored is None:
                raise Declined(CURRENT_REFUSED)
        target = identity_target(account_id, lookups.address_of(account_id))
        code_id = proofs.checked_code(IDENTITY, target, digits, network=network, refusal=Declined(CODE_REFUSED))
        return stored, code_id, hash_password(new)

    def decide(work: Work[AccountLookups]) -> int:
        stored, code_id, password_hash = proven()
        account = own_account(work, account_id)
        if account.password_hash != stored:
            raise Declined(CURRENT_REFUSED)
        if code_id in account.used_codes:
            raise Declined(CODE_REFUSED)
        account.trigger(accounts.PasswordChanged, work.context.now, password_hash=password_hash, code_id=code_id)
        revoke_sessions(work, work.lookups.live_sessions(account_id), "password_changed")
        return start_session(work, account_id, account.epoch, sign_in)

    return decide, lambda: proven()[1]


def password_changed_mail(email: str) -> Mail:
    """Tells the holder."""
    text = (
        "The password of your Notechondria account was changed, and all devices were signed out.\n\n"
        "If this was not you, reset the password from the sign-in page at once.\n"
    )
    return Mail(email, "Your Notechondria password was changed", text)
