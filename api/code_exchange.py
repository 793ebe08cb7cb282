"""Talks to Google and GitHub: exchanges the code that the browser brought, and asks who it stands for (contract: accounts 13.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import orjson
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2 import ClientAuth

from api.identity_providers import UNREACHABLE, Exchange, ProviderRefusal, registered, require_configured
from commands.accounts.rules import email_problem
from commands.accounts.social import TITLES, Identity
from settings import Settings

EXCHANGE_TIMEOUT_S = 15.0
PROFILE_TIMEOUT_S = 10.0
LONGEST_ANSWER = 256 * 1024
LONGEST_REASON = 300


def identify_at_google(settings: Settings, exchange: Exchange) -> Identity:
    """Whose code or identity token it is. Blocks; raises ProviderRefusal."""
    client_id = settings.google_client_id
    with _client(settings, "google", exchange, "client_secret_post") as client:
        if exchange.code:
            token = _token(client, settings.google_token_url, exchange, "google")
            profile = _google_profile(client, settings, token)
        else:
            profile = _checked_id_token(client, settings.google_tokeninfo_url, exchange.id_token, client_id)
        uid = _text(profile, "sub")
        if not uid:
            raise ProviderRefusal(400, "profile_fetch", "Google told no user id.")
        return Identity(
            provider="google",
            uid=uid,
            email=_address(profile) if _says_verified(profile) else "",
            login="",
            display_name=_text(profile, "name"),
            extra=_extra(profile, "picture", "locale"),
        )


def _says_verified(profile: Mapping[str, Any]) -> bool:
    """Only the word itself counts: token information has it as text."""
    claim = profile.get("email_verified")
    return claim is True or claim == "true"


def _google_profile(client: OAuth2Client, settings: Settings, token: Mapping[str, Any]) -> dict[str, Any]:
    if token.get("access_token"):
        return _object(client, settings.google_userinfo_url, "google", "profile_fetch")
    if token.get("id_token"):
        return _checked_id_token(client, settings.google_tokeninfo_url, str(token["id_token"]), settings.google_client_id)
    raise ProviderRefusal(400, "token_exchange", "Google answered without a token.")


def _checked_id_token(client: OAuth2Client, url: str, id_token: str, client_id: str | None) -> dict[str, Any]:
    claims = _object(client, url, "google", "token_verify", {"id_token": id_token}, signed=False)
    if not client_id or claims.get("aud") != client_id:
        raise ProviderRefusal(400, "token_verify", "The identity token was made for another application.")
    return claims


def identify_at_github(settings: Settings, exchange: Exchange) -> Identity:
    """Whose code it is. Blocks; raises ProviderRefusal."""
    base = settings.github_api_url.rstrip("/")
    with _client(settings, "github", exchange, _as_json) as client:
        token = _token(client, settings.github_token_url, exchange, "github")
        if not token.get("access_token"):
            raise ProviderRefusal(400, "token_exchange", f"GitHub answered without a token: {_reason(token)}")
        profile = _object(client, f"{base}/user", "github", "profile_fetch")
        uid = _text(profile, "id")
        if not uid:
            raise ProviderRefusal(400, "profile_fetch", "GitHub told no user id.")
        login = _text(profile, "login")
        return Identity(
            provider="github",
            uid=uid,
            email=_verified_address(client, f"{base}/user/emails"),
            login=login or f"github_{uid}",
            display_name=_text(profile, "name") or login,
            extra=_extra(profile, "login", "avatar_url", "html_url"),
        )


def _verified_address(client: OAuth2Client, url: str) -> str:
    """The primary address if GitHub has verified it. What stands in the public profile proves nothing."""
    answer = _get(client, url, "github", "profile_fetch")
    addresses = _json(answer) if answer.status_code == 200 else []
    for entry in addresses if isinstance(addresses, list) else []:
        if isinstance(entry, dict) and entry.get("primary") is True and entry.get("verified") is True:
            return _address(entry)
    return ""


def _as_json(client: ClientAuth, method: str, uri: str, headers: MutableMapping[str, str], body: bytes) -> tuple[str, Any, bytes]:
    """The way of authentication at the token endpoint of GitHub: all members in one JSON object (contract: accounts 13.2)."""
    headers["Content-Type"] = "application/json"
    members = {**dict(parse_qsl(body.decode())), "client_id": client.client_id, "client_secret": client.client_secret}
    return uri, headers, orjson.dumps(members)


@contextmanager
def _client(settings: Settings, provider: str, exchange: Exchange, authentication: Any) -> Iterator[OAuth2Client]:
    require_configured(settings, provider)
    client_id, secret, configured_redirect = registered(settings, provider)
    with OAuth2Client(
        client_id,
        secret.get_secret_value() if secret else None,
        token_endpoint_auth_method=authentication,
        redirect_uri=exchange.redirect_uri or configured_redirect or None,
        timeout=EXCHANGE_TIMEOUT_S,
        trust_env=False,
        headers={"User-Agent": "notechondria"},
    ) as client:
        yield client


def _token(client: OAuth2Client, url: str, exchange: Exchange, provider: str) -> Mapping[str, Any]:
    try:
        token: Any = client.fetch_token(url, code=exchange.code, grant_type="authorization_code", headers={"Accept": "application/json"})
    except OAuthError as error:
        reason = str(error.description or error.error or "no reason told")[:LONGEST_REASON]
        raise ProviderRefusal(400, "token_exchange", f"{TITLES[provider]} refused the code: {reason}") from None
    except httpx2.HTTPStatusError as error:
        if error.response.status_code < 500:
            raise ProviderRefusal(400, "token_exchange", f"{TITLES[provider]} refused the code.") from None
        raise _unreachable(provider, "token_exchange") from error
    except httpx2.RequestError as error:
        raise _unreachable(provider, "token_exchange") from error
    except (AuthlibBaseError, ValueError, TypeError, AttributeError):
        raise ProviderRefusal(400, "token_exchange", f"{TITLES[provider]} refused the code.") from None
    return token if isinstance(token, dict) else {}


def _get(
    client: OAuth2Client, url: str, provider: str, phase: str, params: Mapping[str, str] | None = None, *, signed: bool = True
) -> httpx2.Response:
    accept = "application/vnd.github+json" if provider == "github" else "application/json"
    try:
        response: httpx2.Response = client.request(
            "GET", url, params=params, headers={"Accept": accept}, timeout=PROFILE_TIMEOUT_S, withhold_token=not signed
        )
    except httpx2.RequestError as error:
        raise _unreachable(provider, phase) from error
    except (AuthlibBaseError, ValueError, TypeError, AttributeError):
        raise ProviderRefusal(400, phase, f"{TITLES[provider]} gave no usable token.") from None
    if response.status_code >= 500:
        raise _unreachable(provider, phase)
    return response


def _object(
    client: OAuth2Client, url: str, provider: str, phase: str, params: Mapping[str, str] | None = None, *, signed: bool = True
) -> dict[str, Any]:
    answer = _get(client, url, provider, phase, params, signed=signed)
    found = _json(answer) if answer.status_code == 200 else None
    if not isinstance(found, dict):
        raise ProviderRefusal(400, phase, f"{TITLES[provider]} refused to tell who this is.")
    return found


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json() if len(answer.content) <= LONGEST_ANSWER else None
    except ValueError:
        return None


def _unreachable(provider: str, phase: str) -> ProviderRefusal:
    return ProviderRefusal(UNREACHABLE, phase, f"{TITLES[provider]} cannot be reached at the moment. Please try again.")


def _reason(token: Mapping[str, Any]) -> str:
    return str(token.get("error_description") or token.get("error") or "no reason told")[:LONGEST_REASON]


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return _clean(str(value))[:255]


def _address(members: Mapping[str, Any]) -> str:
    """The address; one that could not be an account's counts as none."""
    value = members.get("email")
    address = _clean(value) if isinstance(value, str) else ""
    return address if address == str(value).strip() and email_problem(address) is None else ""


def _clean(text: str) -> str:
    """Without what cannot be stored: NUL, and halves of characters that JSON may hold."""
    return text.encode("utf-8", "ignore").decode().replace("\0", "").strip()


def _extra(members: Mapping[str, Any], *names: str) -> dict[str, str]:
    return {name: text for name in names if (text := _text(members, name))}
