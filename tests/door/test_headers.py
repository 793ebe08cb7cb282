"""CORS and safe defaults on every answer (contract: planner_platform 12.1 and 12.4)."""

from __future__ import annotations

import httpx
import pytest

from api.origins import Origins

T = "/api/v1/test"
ORIGIN = {"Origin": "https://app.example.org"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/health/"),
        ("GET", "/api/v1/nope/"),
        ("GET", f"{T}/me/"),
        ("GET", f"{T}/crash/"),
        ("DELETE", f"{T}/open/"),
        ("POST", f"{T}/echo/"),
        ("GET", "/media/nope.png"),
    ],
)
def test_known_origins_may_read_every_answer(door: httpx.Client, method: str, path: str) -> None:
    for origin in (
        "https://app.example.org",
        "http://localhost:5173",
        "http://127.0.0.1",
        "https://notes.example.org:8443",
        "https://a.example.net",
    ):
        headers = door.request(method, path, headers={"Origin": origin}).headers
        assert headers["Access-Control-Allow-Origin"] == origin
        assert headers["Access-Control-Allow-Credentials"] == "true"
        assert headers["Vary"] == "Origin"
    for origin in (
        "https://evil.example",
        "null",
        "https://localhost.evil.example",
        "https://app.example.org.evil.example",
        "https://x@app.example.org",
    ):
        headers = door.request(method, path, headers={"Origin": origin}).headers
        assert not [name for name in headers if name.startswith("access-control-")]
        assert headers.get("Vary") == ("Origin" if path.startswith("/media/") else None)


@pytest.mark.parametrize(
    ("entries", "origin", "sharing"),
    [
        (["https://app.example.org"], "https://app.example.org", "with_credentials"),
        (["https://app.example.org/"], "https://app.example.org:443", "with_credentials"),
        (["https://app.example.org"], "http://app.example.org", "no"),
        (["https://app.example.org"], "https://app.example.org:8443", "no"),
        (["https://*.example.org"], "https://a.b.example.org", "with_credentials"),
        (["https://*.example.org"], "https://example.org", "no"),
        (["https://*.example.org"], "https://evilexample.org", "no"),
        ([".example.org"], "http://a.example.org:1", "with_credentials"),
        (["*"], "https://anything.example", "plain"),
        (["*"], "null", "plain"),
        ([], "capacitor://localhost", "with_credentials"),
        ([], "http://[", "no"),
    ],
)
def test_what_an_operator_may_trust(entries: list[str], origin: str, sharing: str) -> None:
    assert Origins((), entries).sharing(origin) == sharing


@pytest.mark.parametrize("path", ["/api/v1/auth/session/", "/api/v1/notes/", "/api/v1/nope/", "/mcp/"])
def test_nothing_of_an_account_is_kept_on_the_way(door: httpx.Client, path: str) -> None:
    assert door.get(path).headers.get_list("Cache-Control") == ["no-store"]


def test_no_origin_no_cors(door: httpx.Client) -> None:
    assert "Access-Control-Allow-Origin" not in door.get("/api/v1/health/").headers


def test_caches_keep_media_for_one_origin(door: httpx.Client) -> None:
    assert door.get("/media/nope.png").headers["Vary"] == "Origin"
    assert "Vary" not in door.get("/api/v1/health/").headers


@pytest.mark.parametrize("path", ["/", "/handshake/", "/docs", "/mcp/"])
def test_cors_is_for_the_api_and_media_only(door: httpx.Client, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in door.get(path, headers=ORIGIN).headers


@pytest.mark.parametrize("path", ["/api/v1/notes/", "/api/v1/nope/", f"{T}/me/", "/media/a.png"])
def test_preflights(door: httpx.Client, path: str) -> None:
    asked = {**ORIGIN, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    answer = door.options(path, headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
    assert {"GET", "POST", "PATCH", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(", ")}
    assert {"authorization", "content-type", "accept", "idempotency-key", "if-match"} <= allowed
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert door.options(path).status_code == 204
    strange = door.options(path, headers={**asked, "Origin": "https://evil.example"})
    assert strange.status_code == 204
    assert "Access-Control-Allow-Origin" not in strange.headers


@pytest.mark.parametrize("path", ["/", "/api/v1/health/", "/api/v1/nope/", f"{T}/crash/", "/docs", "/docs/assets/swagger-ui.css"])
def test_safe_defaults_are_on_every_answer_once(door: httpx.Client, path: str) -> None:
    headers = door.get(path).headers
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }.items():
        assert headers.get_list(name) == [value]


def test_json_names_its_charset(door: httpx.Client) -> None:
    for path in ("/", "/api/v1/health/", f"{T}/open/", f"{T}/me/", "/api/v1/nope/"):
        assert door.get(path).headers["Content-Type"] == "application/json; charset=utf-8"


def test_request_ids(door: httpx.Client) -> None:
    given = door.get(f"{T}/ignored/", headers={"X-Request-ID": "abc-1.2:3_4"})
    assert given.headers["X-Request-ID"] == given.json()["request_id"] == "abc-1.2:3_4"
    for odd in ("", "a b", "a\tb", "x" * 200, "ä"):
        made = door.get(f"{T}/ignored/", headers=[(b"X-Request-ID", odd.encode("latin-1"))]).headers["X-Request-ID"]
        assert len(made) == 16
    assert door.get("/api/v1/nope/").headers["X-Request-ID"] != door.get("/api/v1/nope/").headers["X-Request-ID"]
