"""Signing in to the console, with a session of its own that everybody sees in the list of sessions, and out."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from api.console.visit import AGE_S, COOKIE, PATH_PREFIX, Visit
from commands.accounts.aggregate import Account
from commands.accounts.sign_in import log_in as checked_login
from commands.context import Context
from commands.errors import Refused
from commands.handling import Work
from commands.lookups import Lookups
from commands.sessions import prepare_sign_in, revoke_session

REFUSED = "The name or the password is wrong, or the account does not belong to the staff."


def show_login(visit: Visit) -> Response:
    """The form; whoever is signed in is sent on."""
    if visit.caller.is_staff:
        return visit.there(_next(visit.query.get("next", "")))
    return visit.page("login.html", problem="", next=_next(visit.query.get("next", "")))


def log_in(visit: Visit) -> Response:
    """Starts a session for a member of the staff. Wrong tries are counted like those of the apps."""
    services, request = visit.services, visit.request
    identifier, onward = visit.form.get("username", "").strip(), _next(visit.form.get("next", ""))
    password = visit.form.get("password", "").strip()
    address = request.client.host if request.client else ""
    sign_in = prepare_sign_in(services.proofs.digest, user_agent=request.headers.get("user-agent", ""), network=address, method="password")
    try:
        decide = checked_login(services.lookups, services.proofs, identifier, password, sign_in=sign_in, network=address)
        context = Context(actor=None, channel="web", request_id=request.scope["request_id"], client="console")
        services.commands.run(_for_staff(identifier, decide), context)
    except Refused as refusal:
        problem = REFUSED if refusal.status == 400 else str(refusal.body.get("detail", REFUSED))
        return visit.page("login.html", refusal.status, problem=problem, next=onward)
    answer = visit.there(onward)
    # By the address that clients reach us under: the proxy before us may not be told of, or not believed.
    secure = request.scope["origin"].startswith("https:")
    answer.set_cookie(COOKIE, sign_in.key, max_age=AGE_S, path=PATH_PREFIX, secure=secure, httponly=True, samesite="strict")
    return answer


def _for_staff(identifier: str, decide: Callable[[Work[Lookups]], int]) -> Callable[[Work[Lookups]], int]:
    """The decision, refused for everybody else; the password has been checked by then."""

    def decide_for_staff(work: Work[Lookups]) -> int:
        candidate = work.lookups.sign_in_candidate(identifier)
        account = work.find(Account, candidate[0]) if candidate else None
        if account is None or not account.is_staff:
            raise Refused(REFUSED)
        return decide(work)

    return decide_for_staff


def log_out(visit: Visit) -> Response:
    """Ends the session."""
    account_id, session_id = visit.caller.account_id, visit.caller.session_id
    assert account_id is not None
    assert session_id is not None
    context = Context(actor=account_id, channel="web", session=session_id, client="console")
    visit.services.commands.run(lambda work: revoke_session(work, account_id, session_id, "logout"), context)
    answer = visit.there(f"{PATH_PREFIX}/login")
    answer.delete_cookie(COOKIE, path=PATH_PREFIX)
    return answer


def _next(path: str) -> str:
    """Where to go after signing in: a page of the console, never another site."""
    plain = path.startswith(f"{PATH_PREFIX}/") and not path.startswith(f"{PATH_PREFIX}//") and "\\" not in path and ".." not in path
    return path if plain and path.isprintable() else f"{PATH_PREFIX}/"
