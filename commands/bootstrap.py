"""What every start makes sure of: the administrator that the settings name (contract: planner_platform 13.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from commands.accounts.operators import EMAIL_TAKEN, CreateAccount, create_account, enable, promote, set_password
from commands.accounts.passwords import hash_password
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

Made = Literal["made", "password reset", "updated", "there already"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """The account that the settings name."""

    username: str
    email: str
    password: str
    keeps_email: bool = False
    """Whether one that exists keeps its address, since the settings name none."""


def ensure_administrator(handling: Handling[Lookups], administrator: Administrator, *, reset_password: bool = False) -> Made:
    """Makes the administrator. One that exists keeps its password unless that is to be reset, but is open, has its rights, and the
    address that the settings name. Raises Invalid when another account has that.
    """
    context = Context(actor=None, channel="system", reason="bootstrap")
    account_id = handling.lookups.account_of_username(administrator.username)
    if account_id is None:
        problems = {"username": _name_problem(administrator.username), "email": email_problem(administrator.email)}
        if any(problems.values()):
            raise Invalid({name: [problem] for name, problem in problems.items() if problem})
        try:
            create_account(
                handling,
                CreateAccount(
                    username=administrator.username,
                    email=administrator.email,
                    password=administrator.password,
                    is_staff=True,
                    is_superuser=True,
                ),
                context,
            )
        except Invalid as refusal:
            if "username" not in refusal.body:
                raise
            return "there already"
        return "made"
    if reset_password:
        password_hash = hash_password(administrator.password)
        handling.run(lambda work: set_password(work, account_id, password_hash), context)
    changed = handling.run(partial(_regain, account_id=account_id, administrator=administrator), context).positions
    return "password reset" if reset_password else "updated" if changed else "there already"


def _regain(work: Work[Lookups], account_id: int, administrator: Administrator) -> None:
    enable(work, administrator.username)
    account = promote(work, administrator.username, is_staff=True, is_superuser=True)
    email = canonical_address(administrator.email)
    if administrator.keeps_email or email == canonical_address(account.email):
        return
    if work.lookups.account_of_email(email) not in {None, account_id}:
        raise Invalid({"email": [EMAIL_TAKEN]})
    account.trigger(accounts.EmailChanged, work.context.now, email=email, verified=True)


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
