"""Signing in with a password (contract: accounts 8.1)."""

from __future__ import annotations

from collections.abc import Callable

from commands.accounts.aggregate import Account
from commands.accounts.lookups import AccountLookups
from commands.accounts.passwords import hash_password, needs_rehash, refuse_slowly, verify_password
from commands.accounts.proofs import WRONG_LOGINS, WRONG_LOGINS_OF_NETWORK, WRONG_SPELLINGS, Proofs
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
    spelling = _spelling(identifier)
    # The tries at the name and at the address count for the one account. That they are used up is told only to whoever has used them
    # up with this spelling: to others it would tell that the name and the address belong together.
    subject = str(candidate[0]) if candidate else f"unknown {spelling}"
    refusal = Invalid({"non_field_errors": [REFUSED]})
    with proofs.guarded((WRONG_SPELLINGS, spelling), (WRONG_LOGINS_OF_NETWORK, network_of(network))):
        closed = proofs.is_closed(WRONG_LOGINS, subject)
        stored = candidate[1] if candidate and not closed else None
        if not verify_password(password, stored) or candidate is None or stored is None or not candidate[2]:
            if lookups.has_old_passwords():
                refuse_slowly(password, stored)
            proofs.guards.count(WRONG_LOGINS.name, subject, WRONG_LOGINS.window)
            raise refusal
        if proofs.is_closed(WRONG_LOGINS, subject):
            # By others, while this password was looked at.
            raise refusal
        account_id = candidate[0]
    forget_wrong_logins(lookups, proofs, account_id)
    stronger = hash_password(password) if needs_rehash(stored) else None

    def decide(work: Work[AccountLookups]) -> int:
        account = work.find(Account, account_id)
        if account is None or not account.is_active or account.password_hash != stored:
            raise refusal
        if stronger is not None:
            account.trigger(accounts.PasswordRehashed, work.context.now, password_hash=stronger)
        return start_session(work, account_id, account.epoch, sign_in)

    return decide


def forget_wrong_logins(lookups: AccountLookups, proofs: Proofs, account_id: int) -> None:
    """Opens the account again for whoever has shown to be its holder."""
    proofs.guards.clear(WRONG_LOGINS.name, str(account_id))
    proofs.guards.clear(WRONG_SPELLINGS.name, *map(_spelling, lookups.holder(account_id) or ()))


def _spelling(identifier: str) -> str:
    return canonical_address(identifier.casefold())
