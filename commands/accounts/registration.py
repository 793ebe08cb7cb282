"""Making accounts: register, verify, and what operators and providers make at once (contract: accounts 6)."""

from __future__ import annotations

from dataclasses import dataclass

from commands.accounts.aggregate import Account
from commands.accounts.lookups import AccountLookups
from commands.errors import Invalid
from commands.handling import Work
from commands.invitations import admitting_invitation, use_invitation
from eventstore.events import accounts

AREA = "Registration not accepted: Backend.Creators.Auth/register"
USERNAME_TAKEN = f"{AREA}.validate_username — this user name is taken."
EMAIL_TAKEN = f"{AREA}.validate_email — an account with this address exists."
CODE_REFUSED = "Address not verified: Backend.Creators.Auth/verify — the code is wrong, used up or expired."
NOBODY_PENDING = "Address not verified: Backend.Creators.Auth/verify — no account waits for this address."

CONFLICTS = {
    "accounts_username_unique": Invalid({"username": [USERNAME_TAKEN]}),
    "accounts_email_unique": Invalid({"email": [EMAIL_TAKEN]}),
}
"""What the losers of a race are told: the same as those who came later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A registration. password_hash is made before, since it takes its time."""

    username: str
    email: str
    password_hash: str
    invitation_digest: str | None


def register(work: Work[AccountLookups], command: Register) -> int:
    """Makes a pending account, or gives the pending one of this address new credentials; returns its id."""
    now = work.context.now
    account_id = work.lookups.account_of_email(command.email)
    account = work.find(Account, account_id) if account_id is not None else None
    problems = {}
    holder = work.lookups.account_of_username(command.username)
    if holder is not None and holder != account_id:
        problems["username"] = [USERNAME_TAKEN]
    if account is not None and account.state != "pending":
        problems["email"] = [EMAIL_TAKEN]
    if problems:
        raise Invalid(problems)
    invitation = admitting_invitation(work, command.invitation_digest)
    invitation_id = invitation.number if invitation else None
    if account is None:
        account = work.new(Account, work.lookups.next_id("account"))
        account.trigger(
            accounts.AccountRegistered,
            now,
            username=command.username,
            email=command.email,
            password_hash=command.password_hash,
            invitation_id=invitation_id,
        )
    else:
        account.trigger(
            accounts.RegistrationRenewed,
            now,
            username=command.username,
            password_hash=command.password_hash,
            invitation_id=invitation_id,
        )
    if invitation is not None:
        use_invitation(work, invitation, account.number)
    return account.number


def verify(work: Work[AccountLookups], account_id: int, code_id: str) -> Account:
    """Opens a pending account whose mailed code was shown, with its Inbox and welcome note."""
    account = work.find(Account, account_id)
    if account is None or account.state != "pending" or code_id in account.used_codes:
        raise Invalid({"non_field_errors": [CODE_REFUSED]})
    account.trigger(accounts.AccountVerified, work.context.now, code_id=code_id)
    return account


def expire_registration(work: Work[AccountLookups], account_id: int) -> None:
    """Frees name and address of an account that was never verified."""
    account = work.find(Account, account_id)
    if account is not None and account.state == "pending":
        account.trigger(accounts.RegistrationExpired, work.context.now)


def open_account(
    work: Work[AccountLookups],
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
        email=email,
        password_hash=password_hash,
        invitation_id=invitation_id,
        first_name=first_name,
        last_name=last_name,
    )
    account.trigger(accounts.AccountVerified, now)
    if is_staff or is_superuser:
        account.trigger(accounts.AccountPromoted, now, is_staff=is_staff, is_superuser=is_superuser)
    return account
