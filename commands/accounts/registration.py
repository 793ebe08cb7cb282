"""Making accounts: register, verify, and what operators and providers make at once (contract: accounts 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from commands.accounts.aggregate import Account
from commands.accounts.codes import REGISTRATION, registration_target
from commands.accounts.invitation_check import shown_invitation
from commands.accounts.lookups import AccountLookups
from commands.accounts.passwords import hash_password, verify_password
from commands.accounts.proofs import MAILS_OF_NETWORK, UNKNOWN_ADDRESSES_OF_NETWORK, Proofs
from commands.accounts.rules import is_reserved
from commands.accounts.starter import give_starter_content
from commands.errors import Invalid
from commands.handling import Work
from commands.invitations import admitting_invitation, use_invitation
from commands.lookups import Lookups
from commands.sessions import SignIn, start_session
from eventstore.addresses import canonical_address
from eventstore.events import accounts
from eventstore.guards import network_of
from eventstore.mails import Mail
from eventstore.statements import Statement

AREA = "Registration not accepted: Backend.Creators.Auth/register"
USERNAME_TAKEN = f"{AREA}.validate_username — this user name is taken."
EMAIL_TAKEN = f"{AREA}.validate_email — an account with this address exists."
CODE_REFUSED = "Address not verified: Backend.Creators.Auth/verify — the code is wrong, used up or expired."
NOT_WAITING = "Code not sent: Backend.Creators.Auth/resend_verification — no account waits for a code at this address."
TOO_SOON = "Code not sent: Backend.Creators.Auth/resend_verification — one was sent less than 60 seconds ago."
NOBODY_PENDING = "Address not verified: Backend.Creators.Auth/verify — no account waits for this address."


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A registration. password_hash is made before, since it takes its time."""

    username: str
    email: str
    password_hash: str
    known_hash: str | None
    """The stored hash of a pending registration that said the same password."""
    invitation: Callable[[], str | None]
    """Gives the digest of the invitation code that was shown, None without one. Raises Invalid for a wrong one, which counts."""
    reserved: str | None = None
    """The name that nobody may choose."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification came to."""

    session_id: int
    password_dropped: bool
    """Whether the account was opened without a password, since it was registered with several."""


def register(work: Work[AccountLookups], command: Register) -> int:
    """Makes a pending account, or gives the pending one of this address new credentials; returns its id."""
    now = work.context.now
    account_id = work.lookups.account_of_email(command.email)
    account = work.find(Account, account_id) if account_id is not None else None
    problems = {}
    taken = account is not None and account.state != "pending"
    holder = work.lookups.account_of_username(command.username)
    if (holder is not None and (taken or holder != account_id)) or is_reserved(command.username, command.reserved):
        problems["username"] = [USERNAME_TAKEN]
    if taken:
        problems["email"] = [EMAIL_TAKEN]
    if problems:
        raise Invalid(problems)
    invitation = admitting_invitation(work, command.invitation())
    invitation_id = invitation.number if invitation else None
    password_hash = command.password_hash
    if account is None:
        account = work.new(Account, work.lookups.next_id("account"))
        account.trigger(
            accounts.AccountRegistered,
            now,
            username=command.username,
            email=command.email,
            password_hash=password_hash,
            invitation_id=invitation_id,
        )
    else:
        if command.known_hash is not None and command.known_hash == account.password_hash:
            password_hash = command.known_hash
        account.trigger(
            accounts.RegistrationRenewed,
            now,
            username=command.username,
            password_hash=password_hash,
            invitation_id=invitation_id,
        )
    if invitation is not None:
        use_invitation(work, invitation, account.number)
    return account.number


def prepare_registration(
    lookups: AccountLookups,
    proofs: Proofs,
    *,
    username: str,
    email: str,
    password: str,
    invitation_code: str,
    network: str,
    reserved: str | None,
) -> tuple[Callable[[Work[Lookups]], int], Callable[[int], Statement]]:
    """The decision, and what commits with it: the code and its mail, unless one was sent within the cool-down.

    Passwords are compared and hashed for every address: the time tells nothing.
    """
    proofs.spend(MAILS_OF_NETWORK, network_of(network))
    pending = lookups.pending_holder(email)
    stored = pending[2] if pending is not None else None
    is_known = verify_password(password, stored)

    @cache
    def invitation() -> str | None:
        return shown_invitation(lookups, proofs, invitation_code, network=network)

    command = Register(
        username=username,
        email=email,
        password_hash=hash_password(password),
        known_hash=stored if is_known else None,
        invitation=invitation,
        reserved=reserved,
    )

    def mailing(account_id: int) -> Statement:
        return proofs.issuing(REGISTRATION, registration_target(email), email=email, username=username, account_id=account_id)

    return lambda work: register(work, command), mailing


def prepare_verification(
    lookups: AccountLookups, proofs: Proofs, *, email: str, digits: str, sign_in: SignIn, network: str
) -> tuple[Callable[[Work[Lookups]], Verified], str, int]:
    """(the decision that opens the account and starts a session, the code's id, the account's id).

    If the address was registered with several passwords, nobody can tell which of them belongs to the reader of the mails, which are
    all alike: the account is opened, and has no password until its holder sets one by reset.

    Raises Invalid for wrong digits, which count, and for addresses that nobody registered.
    """
    holder = lookups.holder_of_email(email)
    if holder is None:
        with proofs.guarded((UNKNOWN_ADDRESSES_OF_NETWORK, network_of(network))):
            raise Invalid({"non_field_errors": [NOBODY_PENDING]})
    account_id = holder[0]
    refusal = Invalid({"non_field_errors": [CODE_REFUSED]})
    code_id = proofs.checked_code(REGISTRATION, registration_target(email), digits, network=network, refusal=refusal)

    def decide(work: Work[Lookups]) -> Verified:
        account = work.find(Account, account_id)
        if account is None or account.state != "pending":
            raise refusal
        dropped = account.contested
        if dropped:
            account.trigger(accounts.PasswordDropped, work.context.now)
        account.trigger(accounts.AccountVerified, work.context.now, code_id=code_id)
        give_starter_content(work, account)
        return Verified(start_session(work, account_id, account.epoch, sign_in), dropped)

    return decide, code_id, account_id


def password_dropped_mail(email: str) -> Mail:
    """Tells the holder how to come by a password."""
    text = (
        "Your Notechondria account is open. Its address was registered more than once, with different passwords,\n"
        'maybe by somebody else: none of them was kept. Set a password with "forgot password" on the sign-in page.\n'
    )
    return Mail(email, "Set a password for your Notechondria account", text)


def resend_code(lookups: AccountLookups, proofs: Proofs, *, email: str, network: str) -> None:
    """Mails a new code to a pending account. Raises Invalid inside the cool-down and when nobody waits for one."""
    pending = lookups.pending_holder(email)
    if pending is None:
        with proofs.guarded((UNKNOWN_ADDRESSES_OF_NETWORK, network_of(network))):
            raise Invalid({"email": [NOT_WAITING]})
    account_id, username, _ = pending
    proofs.spend(MAILS_OF_NETWORK, network_of(network))
    if not proofs.issue(REGISTRATION, registration_target(email), email=email, username=username, account_id=account_id):
        raise Invalid({"email": [TOO_SOON]})


def expire_registration(work: Work[AccountLookups], account_id: int, before: datetime) -> bool:
    """Frees name and address of an account that was registered before and never verified, and overwrites them in the log.

    False when it was not to be: it was verified, shut or registered again at this moment.
    """
    account = work.find(Account, account_id)
    if account is None or account.state != "pending" or account.registered_on >= before:
        return False
    work.forget(account)
    account.trigger(accounts.RegistrationExpired, work.context.now)
    return True


def open_account(
    work: Work[Lookups],
    *,
    username: str,
    email: str,
    password_hash: str | None,
    first_name: str = "",
    last_name: str = "",
    invitation_id: int | None = None,
    is_staff: bool = False,
    is_superuser: bool = False,
) -> Account:
    """A verified account at once, with its Inbox and welcome note."""
    now = work.context.now
    account = work.new(Account, work.lookups.next_id("account"))
    account.trigger(
        accounts.AccountRegistered,
        now,
        username=username,
        email=canonical_address(email),
        password_hash=password_hash,
        invitation_id=invitation_id,
        first_name=first_name,
        last_name=last_name,
    )
    account.trigger(accounts.AccountVerified, now)
    if is_staff or is_superuser:
        account.trigger(accounts.AccountPromoted, now, is_staff=is_staff, is_superuser=is_superuser)
    give_starter_content(work, account)
    return account
