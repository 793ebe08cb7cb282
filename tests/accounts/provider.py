"""A local provider that speaks the protocol of Google and of GitHub: consent, token, profile."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CLIENT_ID = "client-7"
CLIENT_SECRET = "secret-7"


@dataclass
class Profile:
    """Somebody who has an identity here."""

    uid: str
    email: str = ""
    verified: object = True
    name: str = ""
    login: str = ""
    public_email: str | None = None


@dataclass
class Provider:
    """Codes and tokens it has given out. Each code is good once, for the redirect address it was asked with."""

    codes: dict[str, tuple[Profile, str]] = field(default_factory=dict)
    tokens: dict[str, Profile] = field(default_factory=dict)
    audience: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    down: bool = False
    page: bool = False
    """Whether a gateway before it turns requests away, with a page."""
    held: threading.Event | None = None
    """What it waits for before it exchanges a code."""
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released each time that somebody is made to wait."""
    odd: Response | None = None
    """What it answers in the place of a token."""
    exchanges: int = 0
    """How many codes it was asked to exchange."""

    def consent(self, profile: Profile, redirect_uri: str = "") -> str:
        """What the browser brings back after the person has agreed."""
        code = secrets.token_hex(8)
        self.codes[code] = (profile, redirect_uri)
        return code

    def app(self) -> Starlette:
        """Its endpoints."""
        return Starlette(
            routes=[
                Route("/token", self._google_token, methods=["POST"]),
                Route("/github/token", self._github_token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
                Route("/tokeninfo", self._tokeninfo),
                Route("/github/user", self._user),
                Route("/github/user/emails", self._emails),
            ]
        )

    async def _google_token(self, request: Request) -> Response:
        form = {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.get("grant_type") != "authorization_code":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if self.held is not None:
            self.asked.release()
            await asyncio.to_thread(self.held.wait, 60)
        return self._token(form, 401, 400)

    async def _github_token(self, request: Request) -> Response:
        # GitHub tells errors with status 200.
        if request.headers["content-type"] != "application/json" or request.headers["accept"] != "application/json":
            return JSONResponse({"error": "not_json"}, 400)
        return self._token(await request.json(), 200, 200)

    def _token(self, sent: dict[str, Any], bad_client: int, bad_code: int) -> Response:
        if self.down:
            return Response("down", 503)
        if self.odd is not None:
            return self.odd
        if self.page:
            return Response("<html>Slow down</html>", 429, media_type="text/html")
        if (sent.get("client_id"), sent.get("client_secret")) != (CLIENT_ID, self.client_secret):
            return JSONResponse({"error": "invalid_client"}, bad_client)
        self.exchanges += 1
        profile, redirect_uri = self.codes.pop(sent.get("code", ""), (None, ""))
        if profile is None or sent.get("redirect_uri", "") != redirect_uri:
            return JSONResponse({"error": "invalid_grant", "error_description": "The code is not good."}, bad_code)
        token = secrets.token_hex(8)
        self.tokens[token] = profile
        return JSONResponse({"access_token": token, "token_type": "bearer", "scope": "user:email"})

    def _profile(self, request: Request) -> Profile | None:
        return self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    async def _userinfo(self, request: Request) -> Response:
        profile = self._profile(request)
        if profile is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        # In ASCII, as providers do it: that way halves of characters travel as well.
        return Response(json.dumps(_claims(profile)), media_type="application/json")

    async def _tokeninfo(self, request: Request) -> Response:
        profile = self.tokens.get(request.query_params.get("id_token", ""))
        if profile is None:
            return JSONResponse({"error": "invalid_token"}, 400)
        return JSONResponse({**_claims(profile), "aud": self.audience, "email_verified": str(profile.verified).lower()})

    async def _user(self, request: Request) -> Response:
        profile = self._profile(request)
        if profile is None:
            return JSONResponse({"message": "Bad credentials"}, 401)
        user = {"id": int(profile.uid), "login": profile.login, "name": profile.name or None, "email": profile.public_email}
        return JSONResponse({**user, "avatar_url": "https://avatars.example/7", "html_url": "https://example/7"})

    async def _emails(self, request: Request) -> Response:
        profile = self._profile(request)
        listed = [{"email": "other@example.org", "primary": False, "verified": True}]
        if profile is not None and profile.email:
            listed.append({"email": profile.email, "primary": True, "verified": profile.verified})
        return JSONResponse(listed)


def provider_settings(address: httpx.URL) -> dict[str, str]:
    """The settings of a server that finds both providers at this address."""
    base = str(address).rstrip("/")
    return {
        "google_client_id": CLIENT_ID,
        "google_client_secret": CLIENT_SECRET,
        "google_token_url": f"{base}/token",
        "google_userinfo_url": f"{base}/userinfo",
        "google_tokeninfo_url": f"{base}/tokeninfo",
        "github_client_id": CLIENT_ID,
        "github_client_secret": CLIENT_SECRET,
        "github_token_url": f"{base}/github/token",
        "github_api_url": f"{base}/github",
    }


def _claims(profile: Profile) -> dict[str, Any]:
    claims: dict[str, Any] = {"sub": profile.uid, "email": profile.email, "name": profile.name, "locale": "en"}
    if profile.verified is not None:
        claims["email_verified"] = profile.verified
    return claims
