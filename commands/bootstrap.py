"""What every start makes sure of: the administrator that the settings name (contract: planner_platform 13.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

from commands.accounts.aggregate import Account
from commands.accounts.operators import enable, promote, set_password
from commands.accounts.passwords import hash_password
from commands.accounts.registration import open_account
from commands.accounts.rules import email_problem, shows_whole
from commands.context import Context
from commands.errors import Invalid
from commands.handling import Handling, Work
from commands.lookups import Lookups
from commands.sessions import revoke_sessions
from eventstore.addresses import canonical_address
from eventstore.events import accounts

AT_ONCE = 200
"""Sessions that are ended in one transaction."""

State = Literal["made", "password reset", "updated", "there already", "name taken"]
NAME_TAKEN = (
    "It is no administrator, and was left as it is. If it is yours, `notechondria users promote {username} --superuser` makes it one; "
    "else name another administrator."
)
EMAIL_TAKEN = "The administrator goes without it: name another address, or change the other account's."


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """The account that the settings name."""

    username: str
    email: str
    password: str
    keeps_email: bool = False
    """Whether one that exists keeps its address, since the settings name none."""


@dataclass(frozen=True, slots=True)
class Ensured:
    """What became of the administrator. "name taken": an account that is no administrator, or is being erased, has the name, and was left
    as it is.
    """

    state: State
    email_taken: bool = False
    """Whether it goes without the address that the settings name, which another account has."""


def ensure_administrator(handling: Handling[Lookups], administrator: Administrator, *, reset_password: bool = False) -> Ensured:
    """Makes the administrator. One that exists keeps its password unless that is to be reset, but is open, has its rights, and the
    address that the settings name.

    Anybody may have come to hold the name, so that only an account that is a superuser counts as the administrator. Raises Invalid
    for a name or an address that no account may have.
    """
    context = Context(actor=None, channel="system", reason="bootstrap")
    hashed = cache(partial(hash_password, administrator.password))

    def decide(work: Work[Lookups]) -> Ensured:
        account_id = work.lookups.account_of_username(administrator.username)
        if account_id is None:
            return _make(work, administrator, hashed())
        account = work.find(Account, account_id)
        if account is None or not account.is_superuser or account.state == "erasing":
            return Ensured("name taken")
        if reset_password:
            set_password(work, account_id, hashed())
        email_taken = _regain(work, account, administrator)
        return Ensured("password reset" if reset_password else "updated" if account.pending else "there already", email_taken)

    return handling.run(decide, context).result


def _make(work: Work[Lookups], administrator: Administrator, password_hash: str) -> Ensured:
    problems = {"username": _name_problem(administrator.username), "email": email_problem(administrator.email)}
    if any(problems.values()):
        raise Invalid({name: [problem] for name, problem in problems.items() if problem})
    email_taken = work.lookups.account_of_email(administrator.email) is not None
    open_account(
        work,
        username=administrator.username,
        email="" if email_taken else administrator.email,
        password_hash=password_hash,
        is_staff=True,
        is_superuser=True,
    )
    return Ensured("made", email_taken)


def _regain(work: Work[Lookups], account: Account, administrator: Administrator) -> bool:
    """Whether another account has the address."""
    enable(work, account.username)
    promote(work, account.username, is_staff=True, is_superuser=True)
    email = canonical_address(administrator.email)
    if administrator.keeps_email or email == canonical_address(account.email):
        return False
    if work.lookups.account_of_email(email) not in {None, account.number}:
        return True
    account.trigger(accounts.EmailChanged, work.context.now, email=email, verified=True)
    return False


def _name_problem(username: str) -> str | None:
    # The predecessor allowed more than people may choose for themselves.
    if re.fullmatch(r"[^\s\x00-\x1f]{1,150}", username) and shows_whole(username):
        return None
    return "A user name has 1 to 150 characters, no blanks and no invisible ones."


def revoke_every_session(handling: Handling[Lookups]) -> int:
    """Signs everybody out; returns how many sessions ended."""
    context = Context(actor=None, channel="system", reason="revoke on start")
    ended = 0
    while batch := handling.lookups.some_live_sessions(AT_ONCE):
        handling.run(partial(_revoke, session_ids=batch), context)
        ended += len(batch)
    return ended


def _revoke(work: Work[Lookups], session_ids: Sequence[int]) -> None:
    revoke_sessions(work, session_ids, "start")
