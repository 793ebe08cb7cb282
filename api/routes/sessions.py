"""Signing in and out, the probe, and the caller's sessions (contract: accounts 8 and 9)."""

from __future__ import annotations

import orjson
from starlette.responses import Response

from api.auth import NO_CREDENTIALS
from api.auth_payload import PAYLOAD_EXAMPLE, auth_payload, sign_in_of
from api.call import Call, json_bytes
from api.routing import Route
from api.schemas.sessions import AuthPayload, LiveOut, LoginIn, NotLiveOut, SessionsOut
from api.writing import carry_out
from commands.accounts.sign_in import log_in
from commands.errors import Invalid
from commands.handling import Work
from commands.lookups import Lookups
from commands.sessions import revoke_session
from eventstore.database import UNAVAILABLE
from projections.accounts.queries import get_auth_payload, list_sessions, probe_session

NOT_SIGNED_IN = b'{"authenticated":false}'
NOBODY_NAMED = "Sign-in refused: Backend.Creators.Auth/login — send an address or a user name."


def login(call: Call) -> Response:
    """Starts a session; those on other devices go on."""
    body: LoginIn = call.body
    services = call.services
    identifier = body.identifier or body.email or body.username
    if identifier is None:
        raise Invalid({"non_field_errors": [NOBODY_NAMED]})
    sign_in = sign_in_of(call, "password")
    decide = log_in(services.lookups, services.proofs, identifier, body.password, sign_in=sign_in, network=call.client_address)
    outcome = services.commands.run(decide, call.context(), answer=get_auth_payload)
    return json_bytes(call, auth_payload(outcome.row, sign_in.key))


async def probe(call: Call) -> bytes | Response:
    """Whether the session is live. Never an error, never a new session, and it does not count as use."""
    key = call.credentials.secret
    if call.credentials.kind != "session":
        return NOT_SIGNED_IN
    try:
        _, row = await call.services.reader.ask(probe_session(call.services.proofs.digest(key)), NO_CREDENTIALS)
    except UNAVAILABLE:
        return NOT_SIGNED_IN
    if row[0] is None:
        return NOT_SIGNED_IN
    return json_bytes(call, auth_payload(row, key, authenticated=True))


def logout(call: Call) -> Response:
    """Ends the session of this request. An API key has none, and nothing ends."""
    caller = call.identify_now()

    def decide(work: Work[Lookups]) -> None:
        if caller.session_id is not None and caller.account_id is not None:
            revoke_session(work, caller.account_id, caller.session_id, "logout")

    return carry_out(call, decide, lambda _, __: (204, b""))


async def sessions(call: Call) -> bytes:
    """The caller's live sessions."""
    (rows,) = await call.ask(list_sessions())
    current = call.caller.session_id if call.caller else None
    listed = [{**row, "is_current": row["id"] == current} for row in orjson.loads(rows)]
    return orjson.dumps({"sessions": listed, "current_session_id": current})


def revoke(call: Call) -> Response:
    """Ends one of the caller's sessions. One that has ended already is no error."""
    account_id = call.identify_now().account_id
    assert account_id is not None

    def decide(work: Work[Lookups]) -> None:
        revoke_session(work, account_id, call.path["session_id"], "revoked")

    return carry_out(call, decide, lambda _, __: (204, b""))


ROUTES = [
    Route(
        "POST",
        "/auth/login/",
        login,
        "Sign in",
        caller="open",
        body=LoginIn,
        answer=AuthPayload,
        examples={"address": {"email": "mira@example.org", "password": "Correct-horse-7"}},
        answer_example=PAYLOAD_EXAMPLE,
        tags=["accounts"],
    ),
    Route(
        "GET",
        "/auth/session/",
        probe,
        "Check whether a session is live",
        caller="ignored",
        answer=LiveOut | NotLiveOut,
        description="Always 200. A live session gets its auth payload with `authenticated: true`.",
        answer_example={"authenticated": True, **PAYLOAD_EXAMPLE},
    ),
    Route("POST", "/auth/logout/", logout, "Sign out", description="Ends the session that asks.", status=204),
    Route("GET", "/auth/sessions/", sessions, "List the caller's sessions", answer=SessionsOut),
    Route("DELETE", "/auth/sessions/{session_id:int}/", revoke, "End a session", caller="session_only", status=204),
]
