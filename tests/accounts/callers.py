"""Who comes how far with each route of accounts, when the call is whole: what it names or proves belongs to one person, the owner.

tests/door/callers.py has the same routes with calls that lack everything; a route there without a row here fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

from tests.accounts.mailbox import codes_for
from tests.accounts.people import PASSWORD, Person, numbers
from tests.accounts.provider import Profile, Provider
from wiring import Services

AUTH = "/api/v1/auth"
REDIRECT = "https://notes.example.org/auth/google/callback"


@dataclass(frozen=True)
class Scene:
    """The owner, the server, and a provider where the owner has an identity."""

    door: httpx.Client
    services: Services
    provider: Provider
    owner: Person

    def identity_code(self) -> str:
        """A fresh one of the owner."""
        assert self.door.post(f"{AUTH}/send-identity-code/", headers=self.owner.headers).status_code == 200
        return codes_for(self.services, self.owner.email)[-1]

    def registered(self) -> str:
        """An address that waits for its code."""
        name = f"waiting{next(numbers)}"
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        assert self.door.post(f"{AUTH}/register/", json=body).status_code == 201
        return f"{name}@example.org"

    def wait_a_minute(self) -> None:
        """Lets the cool-downs pass."""
        with psycopg.connect(self.services.settings.conninfo()) as connection:
            connection.execute("UPDATE log.codes SET issued_at = issued_at - interval '61 seconds'")

    def consent(self, provider: str) -> dict[str, str]:
        """What the browser brings back from the provider after the owner has agreed there."""
        profile = Profile(str(self.owner.account_id), self.owner.email, login=self.owner.username)
        return {"code": self.provider.consent(profile, REDIRECT if provider == "google" else "")}

    def linked(self, provider: str) -> dict[str, str]:
        """The same, with the identity linked already."""
        assert self.door.post(f"{AUTH}/bind/{provider}/", json=self.consent(provider), headers=self.owner.headers).status_code == 201
        return self.consent(provider)


def nothing(_: Scene) -> dict[str, Any]:
    """No body needed."""
    return {}


@dataclass(frozen=True)
class Row:
    """The statuses by caller: nobody, the owner's session and API key, somebody else's session, a staff member's."""

    anonymous: int
    session: int
    api_key: int
    other: int
    staff: int
    sent: Callable[[Scene], dict[str, Any]] = nothing
    """Makes what the call needs; `path` in it fills the path, the rest is the body."""
    open: bool = False
    """Whoever holds what is sent may do it, so that the owner's account may well change."""


def everybody(status: int, sent: Callable[[Scene], dict[str, Any]] = nothing) -> Row:
    """What is sent decides, not who sends it."""
    return Row(status, status, status, status, status, sent, open=True)


def each_for_oneself(status: int, sent: Callable[[Scene], dict[str, Any]] = nothing) -> Row:
    """Everybody who is signed in, with an effect on the own account alone."""
    return Row(401, status, status, status, status, sent)


def by_session(status: int, others: int, sent: Callable[[Scene], dict[str, Any]] = nothing) -> Row:
    """The owner, not with the API key; others come to nothing."""
    return Row(401, status, 403, others, others, sent)


def register(_: Scene) -> dict[str, Any]:
    name = f"fresh{next(numbers)}"
    return {"username": name, "email": f"{name}@example.org", "password": PASSWORD}


def verify(scene: Scene) -> dict[str, Any]:
    email = scene.registered()
    return {"email": email, "code": codes_for(scene.services, email)[-1]}


def resend(scene: Scene) -> dict[str, Any]:
    email = scene.registered()
    scene.wait_a_minute()
    return {"email": email}


def reset(scene: Scene) -> dict[str, Any]:
    assert scene.door.post(f"{AUTH}/password-reset/", json={"email": scene.owner.email}).status_code == 200
    return {"email": scene.owner.email, "code": codes_for(scene.services, scene.owner.email)[-1], "password": "Another-horse-8"}


def change_password(scene: Scene) -> dict[str, Any]:
    return {"current_password": PASSWORD, "new_password": "Another-horse-8", "identity_code": scene.identity_code()}


def change_email(scene: Scene) -> dict[str, Any]:
    return {"new_email": f"moved.{scene.owner.email}", "identity_code": scene.identity_code()}


def other_session(scene: Scene) -> dict[str, Any]:
    answer = scene.door.post(f"{AUTH}/login/", json={"email": scene.owner.email, "password": PASSWORD})
    return {"path": answer.json()["session"]["id"]}


def unlink(scene: Scene) -> dict[str, Any]:
    scene.linked("github")
    return {"path": "github"}


CALLERS: Mapping[str, Row] = {
    "POST /api/v1/auth/register/": everybody(201, register),
    "POST /api/v1/auth/validate-invitation/": everybody(200, lambda _: {"invitation_code": "spring"}),
    "POST /api/v1/auth/verify-email/": everybody(200, verify),
    "POST /api/v1/auth/resend-verification/": everybody(200, resend),
    "POST /api/v1/auth/password-reset/": everybody(200, lambda scene: {"email": scene.owner.email}),
    "POST /api/v1/auth/password-reset/confirm/": everybody(200, reset),
    "POST /api/v1/auth/send-identity-code/": by_session(200, 200),
    "POST /api/v1/auth/change-password/": by_session(200, 400, change_password),
    "POST /api/v1/auth/change-email/": by_session(200, 400, change_email),
    "POST /api/v1/auth/rotate-api-key/": by_session(200, 200),
    "DELETE /api/v1/auth/account/": by_session(204, 400, lambda scene: {"identity_code": scene.identity_code()}),
    "GET /api/v1/auth/history/": each_for_oneself(200),
    "POST /api/v1/auth/login/": everybody(200, lambda scene: {"email": scene.owner.email, "password": PASSWORD}),
    "GET /api/v1/auth/session/": everybody(200),
    "POST /api/v1/auth/logout/": each_for_oneself(204),
    "GET /api/v1/auth/sessions/": each_for_oneself(200),
    "DELETE /api/v1/auth/sessions/{session_id:int}/": by_session(204, 404, other_session),
    "GET /api/v1/settings/": each_for_oneself(200),
    "PATCH /api/v1/settings/": each_for_oneself(200, lambda _: {"motto": "Slow is smooth"}),
    "GET /api/v1/auth/oauth-config/": everybody(200),
    "POST /api/v1/auth/google/": everybody(200, lambda scene: scene.consent("google")),
    "POST /api/v1/auth/github/": everybody(200, lambda scene: scene.consent("github")),
    "POST /api/v1/auth/bind/google/": by_session(200, 409, lambda scene: scene.linked("google")),
    "POST /api/v1/auth/bind/github/": by_session(200, 409, lambda scene: scene.linked("github")),
    "GET /api/v1/auth/social-accounts/": each_for_oneself(200),
    "DELETE /api/v1/auth/social-accounts/{provider}/": by_session(204, 404, unlink),
    "GET /auth/google/callback": everybody(200),
    "GET /auth/github/callback": everybody(200),
}
