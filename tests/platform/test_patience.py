"""Requests that never end: heads and bodies that stop coming, heads without end, handlers that hang."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog
import uvicorn

import api.wire
from api.app import Door, mount
from api.call import Call
from api.fields import Model
from api.routing import Route
from settings import Settings
from wiring import build_services

released = threading.Event()


class AnythingIn(Model):
    """Whatever is sent."""


def _echo(call: Call) -> dict[str, int]:
    return {"bytes": len(call.sent.raw)}


def _long(call: Call) -> dict[str, str]:
    return {"text": "x" * 30_000_000}


def _hangs(call: Call) -> dict[str, int]:
    released.wait(30)
    return {}


ROUTES = [
    Route("POST", "/echo/", _echo, "Echo", caller="ignored", body=AnythingIn),
    Route("GET", "/long/", _long, "Long", caller="ignored"),
    Route("GET", "/hangs/", _hangs, "Hangs", caller="ignored"),
]


SITE_ROUTES = [Route("GET", "/calendar/0123abcd.ics", _hangs, "Hangs", caller="ignored")]


@contextmanager
def _serving(settings: Settings) -> Iterator[int]:
    app = Door(build_services(settings), [*mount(ROUTES, "/api/v1/patience", "patience"), *mount(SITE_ROUTES, "", "patience")])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, http="api.wire:BoundedProtocol", log_config=None, access_log=False, lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            released.set()
            thread.join()


@pytest.fixture
def port(prepared: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(api.wire, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(api.wire, "LEFTOVER_SECONDS", 0.5)
    monkeypatch.setattr(api.wire, "STUCK_SECONDS", 0.5)
    released.clear()
    with _serving(prepared.model_copy(update={"request_seconds": 1})) as port:
        yield port


def _talk(port: int, *parts: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        try:
            while more := connection.recv(65536):
                answer += more
        except ConnectionResetError:
            pass
        return answer


def test_a_head_that_stops_coming_is_given_up(port: int) -> None:
    assert _talk(port, b"GET / HTTP/1.1\r\nHost: local").startswith(b"HTTP/1.1 408 ")


def test_silence_is_given_up(port: int) -> None:
    assert _talk(port).startswith(b"HTTP/1.1 408 ")


def test_a_head_without_end_is_refused(port: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Filler: " + b"a" * 8000
    assert _talk(port, head, *[b"a" * 8000] * 8).startswith(b"HTTP/1.1 431 ")


def test_a_second_head_on_a_connection_is_bounded_too(port: int) -> None:
    first = b"GET /api/v1/ping/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(first)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        connection.sendall(b"GET / HT")
        rest = b""
        while more := connection.recv(65536):
            rest += more
    assert rest.startswith(b"HTTP/1.1 408 ")


def test_what_is_not_http_gets_the_headers_of_all_answers(port: int) -> None:
    answer = _talk(port, b"GET / NONSENSE\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"x-content-type-options: nosniff" in answer
    assert answer.endswith(b'{"detail":"Bad request."}')


def test_a_body_that_nobody_waits_for_any_more_does_not_hold_the_connection(port: int) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        answer = connection.recv(65536)
        connection.sendall(b"x")
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(65536):
                pass
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert time.monotonic() - began < 5


def test_a_connection_goes_on_after_a_body_that_came_late(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for _ in range(2):
            connection.sendall(b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n")
            answer = connection.recv(65536)
            while not answer.endswith(b"Page not found."):
                answer += connection.recv(65536)
            connection.sendall(b"{}")
            time.sleep(0.7)
            assert answer.startswith(b"HTTP/1.1 404 ")


def test_trailers_without_end_are_refused(port: int) -> None:
    head = b"POST /api/v1/patience/echo/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head)
        taken = 0
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for _ in range(1000):
                connection.sendall(b"X-Filler: " + b"a" * 60_000 + b"\r\n")
                taken += 1
                time.sleep(0.001)
    assert taken < 1000


def test_a_body_in_smallest_chunks_is_read(port: int) -> None:
    head = b"POST /api/v1/patience/echo/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    text = b'{"a":"' + b"x" * 30_000 + b'"}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in text)
    assert b'{"bytes":%d}' % len(text) in _talk(port, head, chunks, b"0\r\n\r\n")


def test_whoever_does_not_read_the_answer_is_let_go(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"GET /api/v1/patience/long/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(3)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(1 << 20):
                received += len(piece)
    assert received < 30_000_000


def test_a_body_that_stops_coming_is_given_up_and_one_that_comes_is_not(port: int) -> None:
    head = b"POST /api/v1/patience/echo/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
    stalled = _talk(port, head + b"10\r\n\r\n{")
    assert stalled.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive completely" in stalled
    assert b'{"bytes":2}' in _talk(port, head + b"2\r\n\r\n{", b"}")


def test_an_answer_that_does_not_begin_is_given_up(port: int) -> None:
    answer = _talk(
        port, b"GET /api/v1/patience/hangs/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: http://localhost:9060\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5" in answer.lower()
    assert b"access-control-allow-origin: http://localhost:9060" in answer


def test_the_line_about_it_does_not_hold_the_address_of_a_calendar(port: int) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = _talk(port, b"GET /calendar/0123abcd.ics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert [line["path"] for line in logged if line["event"] == "request took too long"] == ["/calendar/…"]
