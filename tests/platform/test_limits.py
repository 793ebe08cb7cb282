"""Request limits, over HTTP on servers that share one database."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from api.app import Door, area_routes, mount
from api.call import Call
from api.costs import COSTS
from api.routing import Route
from settings import Settings
from tests.accounts.people import Person, make_person
from tests.door.serving import serving
from wiring import build_services, opened_services

OPEN = "/api/v1/limits/open/"
released = threading.Event()
entered = threading.Semaphore(0)


def _open(call: Call) -> dict[str, bool]:
    return {}


def _waits(call: Call) -> dict[str, bool]:
    entered.release()
    released.wait(30)
    return {}


ROUTES = [
    Route("GET", "/open/", _open, "Open", caller="open"),
    Route("GET", "/dear/", _open, "Costly", caller="open", cost=5),
    Route("GET", "/mine/", _open, "Closed"),
    Route("GET", "/waits/", _waits, "Waits", caller="open"),
]


@contextmanager
def _server(settings: Settings) -> Iterator[httpx.Client]:
    with serving(Door(build_services(settings), [*area_routes(), *mount(ROUTES, "/api/v1/limits", "limits")])) as client:
        yield client


def _limited(settings: Settings, **more: int) -> Settings:
    return settings.model_copy(update={"rate_limits": True, **more})


def _from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


@pytest.fixture
def person(prepared: Settings) -> Iterator[Person]:
    with opened_services(prepared) as services:
        yield make_person(services)


def _statuses(client: httpx.Client, path: str, count: int, headers: dict[str, str]) -> list[int]:
    return [client.get(path, headers=headers).status_code for _ in range(count)]


def test_anonymous_callers_are_limited_by_address(prepared: Settings) -> None:
    with _server(_limited(prepared, anonymous_requests_per_minute=20)) as client:
        first = client.get(OPEN, headers=_from("198.51.100.1"))
        assert first.headers["RateLimit-Policy"] == '"address";q=20;w=60'
        assert first.headers["RateLimit"] == '"address";r=19;t=3'
        assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("20", "19")
        assert _statuses(client, OPEN, 19, _from("198.51.100.1")) == [200] * 19
        refused = client.get(OPEN, headers=_from("198.51.100.1"))
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 3
        assert re.fullmatch(r"Too many requests\. Please try again in \d seconds?\.", refused.json()["detail"])
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
        assert client.get(OPEN, headers=_from("198.51.100.2")).status_code == 200


def test_spelling_of_path_and_made_up_keys_open_no_new_account(prepared: Settings) -> None:
    with _server(_limited(prepared, anonymous_requests_per_minute=20)) as client:
        assert _statuses(client, OPEN, 20, _from("198.51.100.9")) == [200] * 20
        assert client.get(OPEN.rstrip("/"), headers=_from("198.51.100.9")).status_code == 429
        assert client.get("/" + OPEN, headers=_from("198.51.100.9")).status_code == 429
        assert client.get("/api/v1/nope/", headers=_from("198.51.100.9")).status_code == 429
        assert client.get(OPEN, headers=_from("203.0.113.5, 198.51.100.9")).status_code == 429
        for number in range(3):
            forged = {"Authorization": f"Token {number:040}", **_from("198.51.100.9")}
            assert client.get(OPEN, headers=forged).status_code == 429


def test_made_up_keys_of_assistants_count_where_they_come_from(prepared: Settings) -> None:
    """As on every other route: no guard of their own, since 128 random bits are not guessed."""
    with _server(_limited(prepared, anonymous_requests_per_minute=20)) as client:
        tried = [
            client.post("/mcp/", json={}, headers={"Authorization": f"Bearer ntc_{number:032}", **_from("198.51.100.90")})
            for number in range(21)
        ]
        assert [answer.status_code for answer in tried] == [401] * 20 + [429]
        assert "Retry-After" in tried[-1].headers


def test_an_ipv6_network_is_one_caller(prepared: Settings) -> None:
    with _server(_limited(prepared, anonymous_requests_per_minute=20)) as client:
        assert [client.get(OPEN, headers=_from(f"2001:db8:1:2::{number:x}")).status_code for number in range(20)] == [200] * 20
        assert client.get(OPEN, headers=_from("2001:db8:1:2:ffff::1")).status_code == 429
        assert client.get(OPEN, headers=_from("2001:db8:1:3::1")).status_code == 200


def test_accounts_have_limits_of_their_own_wherever_they_call_from(prepared: Settings, person: Person) -> None:
    with _server(_limited(prepared, requests_per_minute=20, anonymous_requests_per_minute=40)) as client:
        seen = client.get("/api/v1/limits/mine/", headers={**person.headers, **_from("198.51.100.20")})
        assert seen.headers["RateLimit-Policy"].startswith('"address"')
        answers = [client.get("/api/v1/limits/mine/", headers={**person.headers, **_from(f"198.51.100.{n}")}) for n in range(30, 51)]
        assert [answer.status_code for answer in answers] == [200] * 20 + [429]
        assert answers[0].headers["RateLimit-Policy"] == '"account";q=20;w=60'
        assert client.get(OPEN, headers=_from("198.51.100.20")).status_code == 200


def test_a_key_that_is_written_at_length_is_not_remembered(prepared: Settings, person: Person) -> None:
    padded = person.headers["Authorization"].replace(" ", " " * 1000)
    with _server(_limited(prepared)) as client:
        answers = [client.get("/api/v1/limits/mine/", headers={"Authorization": padded}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert all(answer.headers["RateLimit-Policy"].startswith('"address"') for answer in answers)


def test_costly_routes_count_as_several(prepared: Settings) -> None:
    with _server(_limited(prepared, anonymous_requests_per_minute=20)) as client:
        headers = _from("198.51.100.60")
        assert _statuses(client, "/api/v1/limits/dear/", 3, headers) == [200] * 3
        assert _statuses(client, OPEN, 3, headers) == [200] * 3
        refused = client.get("/api/v1/limits/dear/", headers=headers)
        assert (refused.status_code, refused.headers["RateLimit-Remaining"]) == (429, "2")
        assert 7 <= int(refused.headers["Retry-After"]) <= 9
        assert _statuses(client, OPEN, 3, headers) == [200, 200, 429]


def test_servers_share_the_count(prepared: Settings) -> None:
    settings = _limited(prepared, anonymous_requests_per_minute=40)
    with ExitStack() as stack:
        clients = [stack.enter_context(_server(settings)) for _ in range(2)]
        statuses = [clients[n % 2].get(OPEN, headers=_from("198.51.100.70")).status_code for n in range(100)]
    assert 40 <= statuses.count(200) <= 40 + 2 * 3 + 4


def test_too_many_at_once(prepared: Settings) -> None:
    released.clear()
    headers = _from("198.51.100.80")
    with _server(_limited(prepared, requests_at_once=2)) as client:
        answers: list[int] = []

        def wait() -> None:
            answers.append(httpx.get(f"{client.base_url}/api/v1/limits/waits/", headers=headers, timeout=40).status_code)

        waiting = [threading.Thread(target=wait) for _ in range(2)]
        for thread in waiting:
            thread.start()
        for _ in waiting:
            assert entered.acquire(timeout=30)
        refused = client.get(OPEN, headers=headers)
        released.set()
        for thread in waiting:
            thread.join()
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "1"
        assert answers == [200, 200]
        assert client.get(OPEN, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/handshake/", "/api/v1/health/", "/api/v1/ping/", "/api/v1/auth/session/", "/api/v1/auth/session"])
def test_health_is_not_limited_and_preflights_are_free(prepared: Settings, path: str) -> None:
    with _server(_limited(prepared, anonymous_requests_per_minute=2)) as client:
        assert _statuses(client, path, 10, _from("198.51.100.90")) == [200] * 10
        assert [client.options(OPEN, headers=_from("198.51.100.90")).status_code for _ in range(5)] == [204] * 5


def test_off_means_off(prepared: Settings) -> None:
    with _server(prepared.model_copy(update={"anonymous_requests_per_minute": 2})) as client:
        answer = client.get(OPEN)
        assert "RateLimit" not in answer.headers
        assert _statuses(client, OPEN, 10, {}) == [200] * 10


def test_limits_are_on_unless_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from settings import load_settings

    monkeypatch.delenv("NOTECHONDRIA_RATE_LIMITS")
    assert load_settings().rate_limits
    monkeypatch.setenv("NOTECHONDRIA_RATE_LIMITS", "off")
    assert not load_settings().rate_limits


def test_every_dear_route_exists() -> None:
    assert set(COSTS) <= {f"{route.declared.method} {route.path}" for route in area_routes()}
