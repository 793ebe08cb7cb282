"""Where requests to foreign addresses may go, and what bounds them (security: S1 to S4)."""

from __future__ import annotations

import base64
import gzip
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reactors.outbound import AddressRefused, Conditions, Policy, Unreachable, fetch, is_public, masked
from tests.calendars.feed_server import CALENDAR, FeedServer, body, endless, feed_server, gzip_bomb, hang_up, redirect, truncated

LOCAL = Policy(allowed=("127.0.0.0/8",), seconds=5)
CLOSED = Policy(seconds=5)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as running:
        yield running


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1",
        "192.0.0.1", "192.0.2.1", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2001:db8::1", "3fff::1", "64:ff9b:1::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "user@127.0.0.1",
        "example.org@127.0.0.1",
        "example.org:80@127.0.0.1",
        "example.org%2f@127.0.0.1",
        "a@b@127.0.0.1",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[::127.0.0.1]",
        "[::1%25lo]",
        "017700000001",
        "0x7f.0.0.1",
        "127.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "127.0.0.1.",
    ],
)
def test_no_spelling_reaches_this_machine(server: FeedServer, host: str) -> None:
    server.answers["/"] = body(CALENDAR)
    with pytest.raises(Unreachable):
        fetch(f"http://{host}:{server.port}/", {}, limit=1000, policy=CLOSED)
    assert server.requests == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://example.org/", "ftp://example.org/a", "//example.org/", "http://", "http:///x"]
)
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(Unreachable):
        fetch(url, {}, limit=1000, policy=Policy(allow_private=True))


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Lets names mean these addresses, the last answer for good; other literals stay what they are."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(AddressRefused):
        fetch("http://calendar.example/", {}, limit=1000, policy=CLOSED)


def test_the_connection_goes_to_the_address_that_was_checked(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    asked = resolving(monkeypatch, ["127.0.0.1"], ["10.99.99.99"])
    answer = fetch(f"http://calendar.example:{server.port}/a.ics", {}, limit=1000, policy=LOCAL)
    assert (answer.body, asked.count("calendar.example")) == (CALENDAR, 1)
    assert server.asked("/a.ics")[0]["host"] == f"calendar.example:{server.port}"


def test_redirects_are_checked_like_first_addresses(server: FeedServer) -> None:
    for target in ("http://10.0.0.1/", "http://[::1]/", "file:///etc/passwd", "ftp://example.org/"):
        server.answers["/"] = redirect(302, target)
        with pytest.raises(AddressRefused):
            fetch(server.url("/"), {}, limit=1000, policy=LOCAL)


@pytest.mark.parametrize("scheme", ["webcal", "webcals", "WebCal"])
def test_a_redirect_to_webcal_leads_to_https(server: FeedServer, scheme: str) -> None:
    server.answers["/"] = redirect(301, f"{scheme}://10.0.0.1/")
    with pytest.raises(AddressRefused, match="private network"):
        fetch(server.url("/"), {}, limit=1000, policy=LOCAL)
    server.answers["/"] = redirect(301, f"{scheme}://127.0.0.1:{server.port}/end")
    # The server is asked by TLS, which it does not speak.
    with pytest.raises(Unreachable, match="ConnectError"):
        fetch(server.url("/"), {}, limit=1000, policy=LOCAL)


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "example.org@127.0.0.1", "0x7f.1"])
def test_redirects_reach_this_machine_in_no_spelling(server: FeedServer, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with feed_server() as secret:
        secret.answers["/"] = body(CALENDAR)
        server.answers["/"] = redirect(307, f"http://{host}:{secret.port}/")
        only_first = Policy(allowed=("first.example",), seconds=5)
        usual = socket.getaddrinfo

        def getaddrinfo(name: str, *args: Any, **options: Any) -> list[Any]:
            return usual("127.0.0.1" if name == "first.example" else name, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        with pytest.raises(Unreachable):
            fetch(f"http://first.example:{server.port}/", {}, limit=1000, policy=only_first)
        assert (len(server.requests), secret.requests) == (1, [])


def test_a_name_that_means_something_else_after_a_redirect_is_checked_anew(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(allowed=("127.0.0.1",), seconds=5)
    server.answers["/a"] = redirect(302, f"http://calendar.example:{server.port}/b")
    asked = resolving(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    with pytest.raises(AddressRefused):
        fetch(f"http://calendar.example:{server.port}/a", {}, limit=1000, policy=policy)
    assert (asked.count("calendar.example"), [path for path, _ in server.requests]) == (2, ["/a"])


def test_redirects_in_a_circle_end(server: FeedServer) -> None:
    server.answers["/a"] = redirect(302, "/b")
    server.answers["/b"] = redirect(301, "/a")
    with pytest.raises(Unreachable, match="too often"):
        fetch(server.url("/a"), {}, limit=1000, policy=LOCAL)
    assert len(server.requests) == 6


def test_only_permanent_redirects_are_remembered(server: FeedServer) -> None:
    server.answers["/end"] = body(CALENDAR)
    server.answers["/moved"] = redirect(301, "/end")
    server.answers["/lent"] = redirect(302, "/moved")
    assert fetch(server.url("/moved"), {}, limit=1000, policy=LOCAL).moved_to == server.url("/end")
    assert fetch(server.url("/lent"), {}, limit=1000, policy=LOCAL).moved_to is None


def test_credentials_go_to_their_own_host_only(server: FeedServer) -> None:
    with feed_server() as other:
        other.answers["/end"] = body(CALENDAR)
        server.answers["/a"] = redirect(302, other.url("/end"))
        fetch(server.url("/a", host="me:secret@127.0.0.1"), {}, limit=1000, policy=LOCAL)
        assert server.asked("/a")[0]["authorization"].startswith("Basic ")
        assert "authorization" not in other.asked("/end")[0]


def test_conditions_go_to_their_own_address_only(server: FeedServer) -> None:
    server.answers["/a"] = redirect(302, "/b")
    server.answers["/b"] = redirect(302, "/end")
    server.answers["/end"] = body(CALENDAR)
    conditions = Conditions(server.url("/b"), {"If-None-Match": "x"})
    answer = fetch(server.url("/a"), {"Accept": "*/*"}, limit=1000, policy=LOCAL, conditions=conditions)
    assert [path for path, headers in server.requests if "if-none-match" in headers] == ["/b"]
    assert (answer.url, {headers["accept"] for _, headers in server.requests}) == (server.url("/end"), {"*/*"})


@pytest.mark.parametrize("code", [301, 302])
def test_credentials_stay_on_the_way_within_their_own_server(server: FeedServer, code: int) -> None:
    me = "me:s%40cret@127.0.0.1"
    server.answers["/a"] = redirect(code, server.url("/b"))
    server.answers["/b"] = redirect(code, "/end")
    server.answers["/end"] = body(CALENDAR)
    answer = fetch(server.url("/a", host=me), {}, limit=1000, policy=LOCAL)
    assert {headers["authorization"] for _, headers in server.requests} == {"Basic " + base64.b64encode(b"me:s@cret").decode()}
    assert [path for path, _ in server.requests] == ["/a", "/b", "/end"]
    assert answer.moved_to == (server.url("/end", host=me) if code == 301 else None)


def test_credentials_do_not_come_back_from_another_server(server: FeedServer) -> None:
    with feed_server() as other:
        server.answers["/a"] = redirect(302, other.url("/b"))
        other.answers["/b"] = redirect(302, server.url("/end"))
        server.answers["/end"] = body(CALENDAR)
        fetch(server.url("/a", host="me:secret@127.0.0.1"), {}, limit=1000, policy=LOCAL)
        assert "authorization" not in server.asked("/end")[0]


def test_size_is_measured_as_it_unfolds(server: FeedServer) -> None:
    server.answers["/bomb"] = gzip_bomb(50_000_000)
    server.answers["/flood"] = endless(b"x" * 65536, 0)
    for path in ("/bomb", "/flood"):
        with pytest.raises(Unreachable, match="larger"):
            fetch(server.url(path), {}, limit=2**20, policy=LOCAL)


def test_what_comes_behind_the_end_of_a_packed_answer_is_not_read(server: FeedServer) -> None:
    server.answers["/more"] = endless(gzip.compress(CALENDAR) + bytes(65536), 0, Content_Encoding="gzip")
    assert fetch(server.url("/more"), {}, limit=2**20, policy=LOCAL).body == CALENDAR


def test_packed_answers_of_several_members_are_read_whole(server: FeedServer) -> None:
    text = CALENDAR * 200
    packed = b"".join(gzip.compress(text[start : start + 5000]) for start in range(0, len(text), 5000))
    server.answers["/all"] = body(packed, Content_Encoding="gzip")
    assert fetch(server.url("/all"), {}, limit=2**20, policy=LOCAL).body == text
    server.answers["/torn"] = body(packed[:-20], Content_Encoding="gzip")
    server.answers["/large"] = body(gzip.compress(bytes(600_000)) * 2, Content_Encoding="gzip")
    server.answers["/many"] = body(gzip.compress(b"") * 60_000, Content_Encoding="gzip")
    for path, message in (("/torn", "complete"), ("/large", "larger"), ("/many", "larger")):
        with pytest.raises(Unreachable, match=message):
            fetch(server.url(path), {}, limit=2**20, policy=LOCAL)


def test_size_is_measured_as_it_comes(server: FeedServer) -> None:
    """Packed bytes that unfold to nothing."""
    server.answers["/empty"] = body(gzip.compress(b"")[:10] + b"\0\0\0\xff\xff" * 300_000, Content_Encoding="gzip")
    with pytest.raises(Unreachable, match="larger"):
        fetch(server.url("/empty"), {}, limit=2**20, policy=LOCAL)


def test_time_is_limited_in_all(server: FeedServer) -> None:
    server.answers["/drip"] = endless(b"x", 0.05)
    with pytest.raises(Unreachable, match="too long"):
        fetch(server.url("/drip"), {}, limit=2**20, policy=Policy(allowed=("127.0.0.1",), seconds=0.5))


def test_names_that_nobody_answers_for_cost_no_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(20) and [])
    began = time.monotonic()
    with pytest.raises(Unreachable, match="too long"):
        fetch("http://calendar.example/", {}, limit=1000, policy=Policy(seconds=0.5))
    assert time.monotonic() - began < 5
    released.set()


def test_broken_answers_are_faults_of_the_address(server: FeedServer) -> None:
    server.answers["/short"] = truncated(CALENDAR)
    server.answers["/gone"] = hang_up
    server.answers["/lie"] = body(CALENDAR, Content_Encoding="gzip")
    server.answers["/cut"] = body(gzip.compress(CALENDAR * 50)[:-20], Content_Encoding="gzip")
    for path in ("/short", "/gone", "/lie", "/cut"):
        with pytest.raises(Unreachable):
            fetch(server.url(path), {}, limit=2**20, policy=LOCAL)


def test_hosts_and_networks_can_be_allowed() -> None:
    loopback = ipaddress.ip_address("127.0.0.1")
    assert not CLOSED.admits("localhost", loopback)
    assert Policy(allowed=("LOCALHOST",)).admits("localhost", loopback)
    assert Policy(allowed=("127.0.0.0/8",)).admits("x", loopback)
    assert not Policy(allowed=("10.0.0.0/8", "other")).admits("localhost", loopback)
    assert Policy(allow_private=True).admits("x", loopback)


def test_secrets_of_addresses_are_not_shown() -> None:
    assert masked("https://me:secret@example.org/private-123/basic.ics?key=1") == "https://example.org/…"
    assert masked("http://[") == "…"
