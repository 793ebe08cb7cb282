"""Pages about accounts and invitations."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from api.console.visit import PATH_PREFIX, Visit
from commands.accounts import operators
from commands.accounts.aggregate import Account
from commands.errors import Declined, Invalid, NotFound
from commands.handling import Work
from commands.invitations import create_invitation as new_invitation
from commands.invitations import end_of_day
from commands.lookups import Lookups
from commands.sessions import revoke_session
from eventstore.events import accounts
from projections import console
from projections.accounts.operator_queries import list_invitations as all_invitations

MOST_USES = 100_000
LONGEST_NUMBER = 15
"""Digits of a number in a form."""


def list_accounts(visit: Visit) -> Response:
    """Accounts, searched by name, address or number."""
    text = visit.text("q")
    found = console.search_accounts(visit.services.thread_pool, text, visit.number("after"))
    return visit.page("accounts.html", accounts=found, q=text, more=len(found) == console.PAGE)


def show_account(visit: Visit) -> Response:
    """One account and what can be done about it."""
    account = console.get_account(visit.services.thread_pool, visit.number("id"))
    if account is None:
        raise NotFound("account")
    return visit.page("account.html", account=account)


def change_account(visit: Visit) -> Response:
    """Carries out one of ACTS."""
    account_id = visit.number("id")
    act = visit.form.get("act", "")
    decide = ACTS.get(act)
    if decide is None:
        raise Invalid({"act": ["There is no such act."]})

    def decide_on(work: Work[Lookups]) -> None:
        account = work.find(Account, account_id)
        if account is None or account.state == "gone":
            raise NotFound("account")
        if account.is_superuser:
            _superuser_only(visit)
        decide(work, account, visit)

    visit.act(decide_on)
    return visit.there(f"{PATH_PREFIX}/accounts/{account_id}", told=act)


def _disable(work: Work[Lookups], account: Account, visit: Visit) -> None:
    _not_oneself(account, visit)
    operators.disable(work, account.username)


def _enable(work: Work[Lookups], account: Account, visit: Visit) -> None:
    operators.enable(work, account.username)


def _promote(work: Work[Lookups], account: Account, visit: Visit) -> None:
    _superuser_only(visit)
    operators.promote(work, account.username, is_staff=True, is_superuser=account.is_superuser)


def _demote(work: Work[Lookups], account: Account, visit: Visit) -> None:
    _superuser_only(visit)
    _not_oneself(account, visit)
    operators.promote(work, account.username, is_staff=False, is_superuser=False)


def _sign_out(work: Work[Lookups], account: Account, visit: Visit) -> None:
    operators.revoke_all(work, account.username)


def _end_session(work: Work[Lookups], account: Account, visit: Visit) -> None:
    number = visit.form.get("session", "")
    if not number.isdecimal() or len(number) > LONGEST_NUMBER:
        raise Invalid({"session": ["A valid integer is required."]})
    revoke_session(work, account.number, int(number), "revoked")


def _void_key(work: Work[Lookups], account: Account, visit: Visit) -> None:
    if account.api_key_digest is None:
        raise Declined("The account has no API key.")
    # Nobody ever learns the key that takes the old one's place.
    digest = visit.services.proofs.digest(secrets.token_hex(32))
    account.trigger(accounts.ApiKeyRotated, work.context.now, key_digest=digest, key_prefix="")


def _not_oneself(account: Account, visit: Visit) -> None:
    if account.number == visit.caller.account_id:
        raise Declined("You cannot do this to yourself.")


def _superuser_only(visit: Visit) -> None:
    if not visit.caller.is_superuser:
        raise Declined("Only a superuser can do this.")


Act = Callable[[Work[Lookups], Account, Visit], Any]
ACTS: dict[str, Act] = {
    "disable": _disable,
    "enable": _enable,
    "promote": _promote,
    "demote": _demote,
    "sign_out": _sign_out,
    "end_session": _end_session,
    "void_key": _void_key,
}


def list_invitations(visit: Visit) -> Response:
    """All invitations, and the form for a new one."""
    return _invitations(visit, code="")


def create_invitation(visit: Visit) -> Response:
    """Makes an invitation; its code is shown this once."""
    uses, until = visit.form.get("max_uses", "1"), visit.form.get("expires_at", "").strip()
    if not uses.isdecimal() or len(uses) > LONGEST_NUMBER or not 0 < int(uses) <= MOST_USES:
        raise Invalid({"max_uses": [f"Between 1 and {MOST_USES}."]})
    try:
        expires_at = end_of_day(until) if until else None
    except ValueError:
        raise Invalid({"expires_at": ["A day such as 2031-05-06."]}) from None
    code = secrets.token_urlsafe(9)
    digest = visit.services.proofs.digest(code)
    label = visit.form.get("label", "").strip()[:255]
    visit.act(lambda work: new_invitation(work, digest, label=label, max_uses=int(uses), expires_at=expires_at))
    return _invitations(visit, code=code)


def _invitations(visit: Visit, code: str) -> Response:
    found = list(reversed(all_invitations(visit.services.thread_pool)))
    return visit.page("invitations.html", invitations=found, code=code)
