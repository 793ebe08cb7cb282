"""Signing in with a password (contract: accounts 8.1)."""

from __future__ import annotations

from collections.abc import Callable

from commands.accounts.aggregate import Account
from commands.accounts.lookups import AccountLookups
from commands.accounts.passwords import hash_password, needs_rehash, refuse_slowly, verify_password
from commands.accounts.proofs import WRONG_LOGINS, WRONG_LOGINS_OF_NETWORK, Proofs
from commands.errors import Invalid
from commands.handling import Work
from commands.sessions import SignIn, start_session
from eventstore.addresses import canonical_address
from eventstore.events import accounts
from eventstore.guards import network_of

REFUSED = "Sign-in refused: Backend.Creators.Auth/login — the password does not fit, or there is no such verified account."


def log_in(
    lookups: AccountLookups, proofs: Proofs, identifier: str, password: str, *, sign_in: SignIn, network: str
) -> Callable[[Work[AccountLookups]], int]:
    """Checks the password, which takes its time whether there is such an account or not; returns the decision that starts
    the session and yields its id. Raises Invalid, or TooManyTries after many wrong passwords.
    """
    candidate = lookups.sign_in_candidate(identifier)
    # All spellings of a name and the address count for the one account.
    subject = str(candidate[0]) if candidate else f"unknown {canonical_address(identifier.casefold())}"
    refusal = Invalid({"non_field_errors": [REFUSED]})
    with proofs.guarded((WRONG_LOGINS, subject), (WRONG_LOGINS_OF_NETWORK, network_of(network))):
        stored = candidate[1] if candidate else None
        if not verify_password(password, stored) or candidate is None or stored is None or not candidate[2]:
            if lookups.has_old_passwords():
                refuse_slowly(password, stored)
            raise refusal
        account_id = candidate[0]
    proofs.guards.clear(WRONG_LOGINS.name, subject)
    stronger = hash_password(password) if needs_rehash(stored) else None

    def decide(work: Work[AccountLookups]) -> int:
        account = work.find(Account, account_id)
        if account is None or not account.is_active or account.password_hash != stored:
            raise refusal
        if stronger is not None:
            account.trigger(accounts.PasswordRehashed, work.context.now, password_hash=stronger)
        return start_session(work, account_id, account.epoch, sign_in)

    return decide
