"""What every start makes sure of: the administrator that the settings name (contract: planner_platform 13.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from commands.accounts.operators import CreateAccount, create_account, promote, set_password
from commands.accounts.passwords import hash_password
from commands.accounts.rules import email_problem
from commands.context import Context
from commands.errors import Invalid
from commands.handling import Handling, Work
from commands.lookups import Lookups
from commands.sessions import revoke_sessions

AT_ONCE = 200
"""Sessions that are ended in one transaction."""

Made = Literal["made", "password reset", "there already"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """The account that the settings name."""

    username: str
    email: str
    password: str


def ensure_administrator(handling: Handling[Lookups], administrator: Administrator, *, reset_password: bool = False) -> Made:
    """Makes the administrator. One that exists keeps its password unless that is to be reset, but regains its rights."""
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
    handling.run(lambda work: promote(work, administrator.username, is_staff=True, is_superuser=True).number, context)
    return "password reset" if reset_password else "there already"


def _name_problem(username: str) -> str | None:
    # The predecessor allowed more than people may choose for themselves.
    return None if re.fullmatch(r"[^\s\x00-\x1f]{1,150}", username) else "A user name has 1 to 150 characters, and no blanks."


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
