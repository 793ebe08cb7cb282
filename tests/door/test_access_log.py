"""One line per request (contract: planner_platform 12.5)."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from time import process_time
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.middleware import requests
from api.middleware.requests import severity, shown_target
from logs import COLORS

T = "/api/v1/test"
KEY = b"0123abcd" * 6
Line = Callable[..., logging.LogRecord]


@pytest.fixture
def line(door: httpx.Client, caplog: pytest.LogCaptureFixture) -> Line:
    """Makes a request and returns the one line about it."""

    def request(method: str, path: str, **options: Any) -> logging.LogRecord:
        with caplog.at_level(logging.INFO, "notechondria.access"):
            door.request(method, path, **options)
            for _ in range(200):
                lines = [record for record in caplog.records if record.name == "notechondria.access"]
                if lines:
                    break
                time.sleep(0.01)
        [record] = lines
        return record

    return request


def test_a_line_tells_status_time_method_and_path(line: Line) -> None:
    record = line("GET", f"{T}/open/?a=1&b=2")
    assert re.fullmatch(rf"200  \d+\.\dms  GET     {T}/open/\?a=1&b=2", record.getMessage())
    assert record.levelno == logging.INFO


@pytest.mark.parametrize(
    ("method", "path", "status", "level"),
    [
        ("GET", "/api/v1/nope/", 404, logging.WARNING),
        ("DELETE", f"{T}/closed/", 401, logging.WARNING),
        ("GET", f"{T}/crash/", 500, logging.CRITICAL),
        ("OPTIONS", f"{T}/open/", 204, logging.INFO),
        ("GET", "/docs", 200, logging.INFO),
    ],
)
def test_every_request_has_its_line(line: Line, method: str, path: str, status: int, level: int) -> None:
    record = line(method, path)
    assert record.getMessage().startswith(f"{status}  ")
    assert record.levelno == level


def test_the_time_ends_where_the_answer_begins(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    now = 1.0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal now
        await send({"type": "http.response.start", "status": 200})
        now += 0.25
        await send({"type": "http.response.body", "body": b"a long ", "more_body": True})
        now += 60
        await send({"type": "http.response.body", "body": b"file"})

    async def nothing(*_: Any) -> Any:
        return None

    monkeypatch.setattr(requests, "perf_counter", lambda: now)
    scope = {"type": "http", "method": "GET", "path": "/media/a", "query_string": b"", "headers": []}
    with caplog.at_level(logging.INFO, "notechondria.access"):
        asyncio.run(requests.RequestLog(app)(scope, nothing, nothing))
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(logging.INFO, "200  250.0ms  GET     /media/a")]


def test_a_target_without_a_slash_has_its_line(line: Line) -> None:
    assert line("OPTIONS", "/", extensions={"target": b"*"}).getMessage().startswith("405  ")


def test_a_refused_host_has_its_line(line: Line) -> None:
    assert line("GET", "/", headers={"Host": "evil.example"}).getMessage().startswith("400  ")


def test_a_request_that_is_cut_off_has_its_line(door: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "notechondria.access"):
        with socket.create_connection((door.base_url.host, door.base_url.port or 80)) as connection:
            head = f"POST {T}/echo/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
            connection.sendall(head.encode() + b'{"title": ')
            time.sleep(0.3)
        for _ in range(500):
            if lines := [record.getMessage() for record in caplog.records if record.name == "notechondria.access"]:
                break
            time.sleep(0.01)
    assert [line.split()[::2] for line in lines] == [["400", "POST"]]


def test_levels() -> None:
    assert severity(200, 499.9) == severity(302, 1) == logging.INFO
    assert severity(200, 500) == severity(404, 1) == severity(499, 1999) == logging.WARNING
    assert severity(200, 2000) == severity(500, 1) == severity(503, 1) == logging.CRITICAL


@pytest.mark.parametrize(
    ("path", "query", "shown"),
    [
        (b"/a/", b"x=1", "/a/?x=1"),
        (b"/a/", b"token=abc&x=1", "/a/?token=…&x=1"),
        (b"/a/", b"x=1&api_key=abc&Code=9", "/a/?x=1&api_key=…&Code=…"),
        (b"/a/", b"next=/b?token=abc=d&x=1", "/a/?next=/b?token=…&x=1"),
        (b"/a/", b"my?token=abc&code&x=key", "/a/?my?token=…&code&x=key"),
        (b"/auth/google/callback", b"code=abc&state=s", "/auth/google/callback?…"),
        (b"/calendar/0123abcd.ics", b"", "/calendar/…"),
        (b"/%63alendar/0123abcd.ics", b"x=1", "/calendar/…?x=1"),
        (b"//calendar/%b.ics" % KEY, b"", "//calendar/….ics"),
        (b"/Calendar/%b.ICS" % KEY.upper(), b"", "/Calendar/….ICS"),
        (b"/api/v1/calendar/%%30%b/" % KEY[1:], b"", "/api/v1/calendar/…/"),
        (b"/docs", b"x=/calendar/%b.ics" % KEY, "/docs?x=/calendar/….ics"),
        (b"/a%0Ab/", b"", "/a%0Ab/"),
        (b"/a\x1b[31mb/", b"", "/a\\x1b[31mb/"),
    ],
)
def test_secrets_and_control_characters_stay_out(path: bytes, query: bytes, shown: str) -> None:
    assert shown_target({"raw_path": path, "path": unquote(path.decode()), "query_string": query}) == shown


@pytest.mark.parametrize("query", [b"?" * 60_000, b"token" * 12_000, b"?=" * 30_000])
def test_hostile_queries_keep_nobody_waiting(query: bytes) -> None:
    begun = process_time()
    assert shown_target({"raw_path": b"/a/", "path": "/a/", "query_string": query}) == "/a/?" + query.decode()
    assert process_time() - begun < 2


PROGRAM = """
import asyncio
from api.middleware.requests import RequestLog
from logs import configure_logging
from settings import load_settings

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 404})

async def send(message):
    pass

configure_logging(load_settings())
scope = {"type": "http", "method": "GET", "raw_path": b"/", "path": "/", "query_string": b"", "headers": [(b"x-request-id", b"abc")]}
asyncio.run(RequestLog(app)(scope, None, send))
"""


@pytest.mark.parametrize(
    ("environment", "written"),
    [
        ({}, r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING   404  \d+\.\dms  GET     /  request_id=abc\n"),
        ({"DJANGO_ACCESS_LOG_FORCE_COLOR": "yes"}, r".* WARNING   \x1b\[33m404  \d+\.\dms  GET     /\x1b\[0m  request_id=abc\n"),
        ({"NOTECHONDRIA_LOG_FORMAT": "json"}, r'\{(?=.*"request_id": "abc").*"404  \d+\.\dms  GET     /".*\}\n'),
    ],
)
def test_lines_in_the_log(environment: dict[str, str], written: str) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env={**os.environ, **environment})
    assert re.fullmatch(written, ran.stderr), ran.stderr


def test_colors_go_by_level() -> None:
    assert (COLORS[logging.CRITICAL], COLORS[logging.WARNING], COLORS[logging.INFO]) == ("\x1b[31m", "\x1b[33m", "\x1b[36m")
