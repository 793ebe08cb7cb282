"""Who calls, and whether they may (contract: accounts 2)."""

from __future__ import annotations

import httpx
import pytest

from api.auth import presented
from tests.door.people import Person, give_api_key, sign_up
from wiring import Services

T = "/api/v1/test"
NOT_PROVIDED = {"detail": "Authentication credentials were not provided."}


@pytest.mark.parametrize(
    ("header", "kind", "secret"),
    [
        (None, "none", ""),
        ("", "none", ""),
        ("Token", "none", ""),
        ("Token ", "none", ""),
        ("token abc", "session", "abc"),
        ("TOKEN\tabc", "session", "abc"),
        ("Token   abc", "session", "abc"),
        ("Token a b", "session", "a b"),
        ("Bearer ntc_1", "api_key", "ntc_1"),
        ("Token ntc_1", "api_key", "ntc_1"),
        ("bearer ntc_1", "none", ""),
        ("Bearer abc", "none", ""),
        ("Basic dTpw", "none", ""),
    ],
)
def test_credentials_in_the_header(header: str | None, kind: str, secret: str) -> None:
    credentials = presented(header)
    assert (credentials.kind, credentials.secret) == (kind, secret)


def test_a_read_authenticates_with_its_question(door: httpx.Client, person: Person) -> None:
    answer = door.get(f"{T}/me/", headers=person.headers).json()
    assert answer == {"viewer": person.account_id, "username": person.username, "kind": "session", "limit": 20}


def test_open_routes_take_anonymous_callers(door: httpx.Client) -> None:
    assert door.get(f"{T}/whoami/").json()["viewer"] is None
    assert door.get(f"{T}/open/").status_code == 200


@pytest.mark.parametrize("path", ["whoami", "me", "open", "closed", "staff", "missing"])
@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("Token 0000000000000000000000000000000000000000", "Invalid token."),
        ("Token " + "a" * 5000, "Invalid token."),
        ("Token ä\x80", "Invalid token."),
        ("Bearer ntc_00000000000000000000000000000000", "Invalid API key."),
        ("Token ntc_00000000000000000000000000000000", "Invalid token."),
    ],
)
def test_bad_credentials_are_refused_everywhere(door: httpx.Client, path: str, header: str, detail: str) -> None:
    answer = door.get(f"{T}/{path}/", headers=[(b"Authorization", header.encode("latin-1"))])
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_bad_credentials_are_not_looked_at_where_they_are_ignored(door: httpx.Client) -> None:
    assert door.get(f"{T}/ignored/", headers={"Authorization": "Token nonsense"}).status_code == 200
    assert door.get("/api/v1/health/", headers={"Authorization": "Token nonsense"}).status_code == 200


@pytest.mark.parametrize("path", ["me", "closed", "staff", "missing"])
def test_closed_routes_refuse_anonymous_callers(door: httpx.Client, path: str) -> None:
    for headers in ({}, {"Authorization": "Token"}, {"Authorization": "Bearer other"}):
        answer = door.get(f"{T}/{path}/", headers=headers)
        assert (answer.status_code, answer.json()) == (401, NOT_PROVIDED)
        assert answer.headers["WWW-Authenticate"] == "Token"


def test_a_disabled_account_is_told_so(door: httpx.Client, services: Services) -> None:
    answer = door.get(f"{T}/me/", headers=sign_up(services, active=False).headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": "User account is disabled."})


def test_staff_routes(door: httpx.Client, services: Services, person: Person) -> None:
    refused = door.get(f"{T}/staff/", headers=person.headers)
    assert (refused.status_code, refused.json()) == (403, {"detail": "You do not have permission to perform this action."})
    assert door.get(f"{T}/staff/", headers=sign_up(services, staff=True).headers).status_code == 200


def test_commands_know_who_acts(door: httpx.Client, person: Person) -> None:
    answer = door.post(f"{T}/command/", headers={**person.headers, "X-Request-ID": "from-the-app"})
    told = answer.json()
    assert answer.status_code == 201
    assert told["thread"].startswith("command")
    del told["thread"]
    assert told == {
        "actor": person.account_id,
        "channel": "web",
        "session": person.session_id,
        "request_id": "from-the-app",
    }


def test_commands_refuse_anonymous_callers(door: httpx.Client) -> None:
    assert door.post(f"{T}/command/").json() == NOT_PROVIDED


def test_authentication_comes_before_the_method(door: httpx.Client, person: Person) -> None:
    assert door.delete(f"{T}/closed/").json() == NOT_PROVIDED
    assert door.delete(f"{T}/open/", headers={"Authorization": "Token bad"}).status_code == 401
    refused = door.delete(f"{T}/closed/", headers=person.headers)
    assert (refused.status_code, refused.json()) == (405, {"detail": 'Method "DELETE" not allowed.'})
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert door.delete(f"{T}/staff/", headers=person.headers).status_code == 403


def test_authentication_comes_before_the_body(door: httpx.Client, person: Person) -> None:
    for content in (b"{", b"{}", b"[]"):
        assert door.post(f"{T}/closed-echo/", content=content).json() == NOT_PROVIDED
        assert door.post(f"{T}/closed-echo/", content=content, headers=person.headers).status_code == 400
    bad_type = {"Content-Type": "image/png"}
    assert door.post(f"{T}/closed-echo/", content=b"\x89PNG", headers=bad_type).status_code == 401
    assert door.post(f"{T}/closed-echo/", content=b"\x89PNG", headers={**bad_type, **person.headers}).status_code == 415


def test_authentication_comes_before_the_query(door: httpx.Client, person: Person) -> None:
    assert door.get(f"{T}/me/?limit=x").json() == NOT_PROVIDED
    answer = door.get(f"{T}/me/?limit=x", headers=person.headers)
    assert (answer.status_code, answer.json()) == (400, {"limit": ["A valid integer is required."]})
    assert door.get(f"{T}/me/?limit=1&limit=7", headers=person.headers).json()["limit"] == 7


def test_authentication_comes_before_what_a_handler_refuses(door: httpx.Client, person: Person) -> None:
    assert door.get(f"{T}/missing/").status_code == 401
    assert door.get(f"{T}/missing/", headers=person.headers).status_code == 404


def test_api_keys_are_good_for_everything_but_what_needs_a_session(door: httpx.Client, services: Services, person: Person) -> None:
    key = give_api_key(services, person)
    for scheme in ("Bearer", "Token"):
        headers = {"Authorization": f"{scheme} {key}"}
        assert door.get(f"{T}/me/", headers=headers).json()["kind"] == "api_key"
        command = door.post(f"{T}/command/", headers=headers).json()
        assert (command["actor"], command["channel"], command["session"]) == (person.account_id, "api_key", None)
        refused = door.post(f"{T}/session/", headers=headers)
        assert (refused.status_code, list(refused.json())) == (403, ["detail"])
    allowed = door.post(f"{T}/session/", headers=person.headers)
    assert (allowed.status_code, allowed.content) == (204, b"")
