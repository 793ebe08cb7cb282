"""Requests that never end: heads and bodies that stop coming, heads without end, handlers that hang."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
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


def _hangs(call: Call) -> dict[str, int]:
    released.wait(30)
    return {}


ROUTES = [
    Route("POST", "/echo/", _echo, "Echo", caller="ignored", body=AnythingIn),
    Route("GET", "/hangs/", _hangs, "Hangs", caller="ignored"),
]


@contextmanager
def _serving(settings: Settings) -> Iterator[int]:
    app = Door(build_services(settings), mount(ROUTES, "/api/v1/patience", "patience"))
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


def test_a_body_that_stops_coming_is_given_up_and_one_that_comes_is_not(port: int) -> None:
    head = b"POST /api/v1/patience/echo/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
    stalled = _talk(port, head + b"10\r\n\r\n{")
    assert stalled.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive completely" in stalled
    assert b'{"bytes":2}' in _talk(port, head + b"2\r\n\r\n{", b"}")


def test_an_answer_that_does_not_begin_is_given_up(port: int) -> None:
    answer = _talk(
        port, b"GET /api/v1/patience/hangs/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: http://a.example\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5" in answer.lower()
    assert b"access-control-allow-origin: http://a.example" in answer
