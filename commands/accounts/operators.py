"""What operators do with accounts: make, promote, shut, open (contract: planner_platform 13.1)."""

from __future__ import annotations

from dataclasses import dataclass

from commands.accounts.aggregate import Account
from commands.accounts.passwords import hash_password
from commands.accounts.registration import open_account
from commands.context import Context
from commands.errors import Conflict, Invalid, NotFound
from commands.handling import Handling, Work
from commands.lookups import Lookups
from commands.sessions import revoke_session, revoke_sessions
from eventstore.events import accounts

USERNAME_TAKEN = "This user name is taken."
EMAIL_TAKEN = "An account with this address exists."


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAccount:
    """A verified account. Without a password its holder resets it by mail."""

    username: str
    email: str
    password: str | None
    is_staff: bool = False
    is_superuser: bool = False


def create_account(handling: Handling[Lookups], command: CreateAccount, context: Context) -> int:
    """Makes the account; returns its id. Raises Invalid when name or address are taken."""
    password_hash = hash_password(command.password) if command.password is not None else None

    def decide(work: Work[Lookups]) -> int:
        problems = {}
        if work.lookups.account_of_username(command.username) is not None:
            problems["username"] = [USERNAME_TAKEN]
        if work.lookups.account_of_email(command.email) is not None:
            problems["email"] = [EMAIL_TAKEN]
        if problems:
            raise Invalid(problems)
        account = open_account(
            work,
            username=command.username,
            email=command.email,
            password_hash=password_hash,
            is_staff=command.is_staff or command.is_superuser,
            is_superuser=command.is_superuser,
        )
        return account.number

    return handling.run(decide, context).result


def promote(work: Work[Lookups], username: str, *, is_staff: bool, is_superuser: bool) -> Account:
    """Sets the account's rights."""
    account = named_account(work, username)
    if (account.is_staff, account.is_superuser) != (is_staff, is_superuser):
        account.trigger(accounts.AccountPromoted, work.context.now, is_staff=is_staff, is_superuser=is_superuser)
    return account


def disable(work: Work[Lookups], username: str) -> Account:
    """Shuts the account: it is signed out everywhere and cannot sign in, register again or reset its way back."""
    account = _lasting_account(work, username)
    if account.state != "disabled":
        account.trigger(accounts.AccountDisabled, work.context.now)
    return account


def enable(work: Work[Lookups], username: str) -> Account:
    """Opens the account again; its holder signs in anew."""
    account = _lasting_account(work, username)
    if account.state == "disabled":
        account.trigger(accounts.AccountEnabled, work.context.now)
    return account


def _lasting_account(work: Work[Lookups], username: str) -> Account:
    """The account of this name. Raises Conflict for one that is being erased: it is shut, and must not be opened meanwhile."""
    account = named_account(work, username)
    if account.state == "erasing":
        raise Conflict("This account is being erased.")
    return account


def set_password(work: Work[Lookups], account_id: int, password_hash: str) -> None:
    """Sets the password, and ends all sessions."""
    account = work.find(Account, account_id)
    if account is None:
        raise NotFound("account")
    account.trigger(accounts.PasswordChanged, work.context.now, password_hash=password_hash)
    revoke_sessions(work, work.lookups.live_sessions(account_id), "password_changed")


def revoke_all(work: Work[Lookups], username: str) -> int:
    """Ends all sessions of the account; returns how many there were."""
    account = named_account(work, username)
    live = work.lookups.live_sessions(account.number)
    revoke_sessions(work, live, "revoked")
    return len(live)


def revoke_one(work: Work[Lookups], username: str, session_id: int) -> None:
    """Ends one session of the account."""
    revoke_session(work, named_account(work, username).number, session_id, "revoked")


def named_account(work: Work[Lookups], username: str) -> Account:
    """The account of this name. Raises NotFound."""
    account_id = work.lookups.account_of_username(username)
    account = work.find(Account, account_id) if account_id is not None else None
    if account is None:
        raise NotFound("account")
    return account
