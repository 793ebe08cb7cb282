"""Which hosts are served, and whose word about the client is taken (contract: planner_platform 12.3, accounts 5.1)."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.middleware.hosts import Hosts
from api.origins import Origins

T = "/api/v1/test"


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "notes.example.org", "NOTES.example.org:80", "a.example.net", "example.net"])
def test_hosts_that_are_served(door: httpx.Client, host: str) -> None:
    assert door.get(f"{T}/ignored/", headers={"Host": host}).json()["origin"] == f"http://{host}"


@pytest.mark.parametrize("host", ["evil.example", "notes.example.org.evil.example", "badexample.net", 'a"b', "a b", "a/b", "[::1"])
def test_hosts_that_are_not(door: httpx.Client, host: str) -> None:
    answer = door.get(f"{T}/ignored/", headers={"Host": host, "Origin": "https://app.example.org"})
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Bad request.", "status_code": 400, "path": f"{T}/ignored/"}
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.org"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("HTTP/1.1\r\nHost: localhost", 200), ("HTTP/1.0", 200), ("HTTP/1.1\r\nX-Host: localhost", 400),
        ("HTTP/1.1\r\nHost: localhost\r\nhost: localhost", 400), ("HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 400),
        ("HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nX-Forwarded-Host: localhost", 400),
    ],
)  # fmt: skip
def test_a_request_names_its_host_exactly_once(door: httpx.Client, head: str, status: int) -> None:
    with socket.create_connection((door.base_url.host, door.base_url.port or 80), timeout=30) as connection:
        connection.sendall(f"GET /api/v1/health/ {head}\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(100).split()[1] == str(status).encode()


@pytest.mark.parametrize("path", ["/", "/api/health/", "/api/v1/health/", "/api/v1/health", "/api/v1/ready/", "/metrics"])
def test_probes_call_the_server_by_its_address(door: httpx.Client, path: str) -> None:
    for host in ("10.244.0.7:8000", "app:8000", "[fd00::7]:8000"):
        assert door.get(path, headers={"Host": host}).status_code == 200
    for host in ("evil.example", "10.244.0.7.evil.example", 'a"b'):
        assert door.get(path, headers={"Host": host}).status_code == 400


def test_everything_else_is_not_served_under_an_address_that_is_not_named(door: httpx.Client) -> None:
    for path in ("/api/v1/handshake/", f"{T}/ignored/", "/docs", "/admin/", "/metrics/x"):
        assert door.get(path, headers={"Host": "10.244.0.7:8000"}).status_code == 400


def test_a_trusted_proxy_tells_host_scheme_and_client(door: httpx.Client) -> None:
    told = door.get(
        f"{T}/ignored/",
        headers={
            "X-Forwarded-Host": "notes.example.org",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": "6.6.6.6, 203.0.113.9, 127.0.0.1",
        },
    ).json()
    assert (told["origin"], told["client"]) == ("https://notes.example.org", "203.0.113.9")


def test_a_proxy_cannot_forward_a_host_that_is_not_served(door: httpx.Client) -> None:
    assert door.get(f"{T}/ignored/", headers={"X-Forwarded-Host": "evil.example"}).status_code == 400


def test_media_addresses_name_the_host_of_the_request(door: httpx.Client) -> None:
    forwarded = {"X-Forwarded-Host": "notes.example.org", "X-Forwarded-Proto": "https"}
    assert door.get(f"{T}/media/", headers=forwarded).json() == {"url": "https://notes.example.org/media/a.png"}


def seen(client: str, headers: dict[str, str] | list[tuple[str, str]], **options: Any) -> Scope:
    """The scope behind Hosts."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    async def nothing(*args: Any) -> Any:
        raise AssertionError("no message is expected")

    raw = [(name.lower(), value) for name, value in httpx.Headers(headers).raw]
    scope = {"type": "http", "scheme": "http", "path": "/", "client": (client, 1), "headers": raw, "server": ("127.0.0.1", 80)}
    asyncio.run(Hosts(app, **options)(scope, nothing, nothing))
    return scopes[0]


FORWARDED = {"Host": "inner", "X-Forwarded-Host": "outer", "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}


@pytest.mark.parametrize(
    ("proxies", "client", "believed"),
    [
        ([], "10.1.2.3", False),
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "11.1.2.3", False),
        (["::1"], "::1", True),
        (["*"], "192.0.2.1", True),
        (["10.0.0.0/8"], "not an address", False),
    ],
)
def test_only_trusted_proxies_are_believed(proxies: list[str], client: str, believed: bool) -> None:
    scope = seen(client, FORWARDED, allowed=["*"], proxies=proxies)
    assert scope["origin"] == ("https://outer" if believed else "http://inner")
    assert scope["client"][0] == ("198.51.100.7" if believed else client)


def test_what_a_proxy_forwards_is_checked() -> None:
    odd = {"Host": "inner", "X-Forwarded-Proto": "javascript", "X-Forwarded-For": "<script>"}
    scope = seen("10.0.0.1", odd, allowed=["*"], proxies=["10.0.0.1"])
    assert (scope["origin"], scope["client"][0]) == ("http://inner", "10.0.0.1")


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        (["198.51.100.7:4711"], "198.51.100.7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["203.0.113.5, 198.51.100.7:1, 10.0.0.2:2"], "198.51.100.7"),
        (["203.0.113.5", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
    ],
)
def test_the_client_is_found_however_proxies_write_it(hops: list[str], client: str) -> None:
    assert seen("10.0.0.1", [("X-Forwarded-For", hop) for hop in hops], allowed=["*"], proxies=["10.0.0.0/8"])["client"][0] == client


def test_long_names_and_addresses_are_answered_and_not_remembered() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    origins, hosts = Origins((), [".example.org"]), Hosts(app, allowed=["*"], proxies=["10.0.0.0/8"])
    tracemalloc.start()
    try:
        for number in range(50):
            long = f"{number}{'a' * 60000}"
            assert origins.sharing(f"https://{long}.example.org") == "no"
            assert not hosts._is_served(long)
            assert not hosts._trusted(long)
        assert tracemalloc.get_traced_memory()[0] < 10**6
    finally:
        tracemalloc.stop()
    interface = f"fe80::1%{'a' * 60000}"
    assert seen("10.0.0.1", {"X-Forwarded-For": interface}, allowed=["*"], proxies=["10.0.0.1"])["client"][0] == "10.0.0.1"


def test_the_operator_names_the_public_origin() -> None:
    scope = seen("10.0.0.1", FORWARDED, allowed=["*"], proxies=[], public_origin="https://notes.example.org/")
    assert scope["origin"] == "https://notes.example.org"


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("localhost:8000", True),
        ("192.168.1.5:8000", True),
        ("[::1]:8000", True),
        ("app:8000", True),
        ("own.example.org", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_without_a_setting_no_name_that_a_stranger_can_point_here_is_served(host: str, served: bool) -> None:
    allowed = {"allowed": [], "own": ["own.example.org"], "proxies": []}
    assert Hosts(None, **allowed)._served(host) is served  # type: ignore[arg-type]
