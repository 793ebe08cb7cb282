"""Names each request and writes one line about it when it is done (contract: planner_platform 12.5)."""

from __future__ import annotations

import logging
import re
import secrets
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from metrics import request_meters

access_log = logging.getLogger("notechondria.access")

SLOW_MS = 500
VERY_SLOW_MS = 2000
SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:token|code|key|secret|password|state|signature)[^=&]*=)[^&]*", re.IGNORECASE)
SECRET_PATH = re.compile(r"^(/calendar/)[^/?]+")
"""Addresses of calendars are their own keys."""
MOUNTED = frozenset(("/mcp", "/admin", "/docs"))
OTHER = "other"
COLORS = {logging.CRITICAL: "\x1b[31m", logging.WARNING: "\x1b[33m", logging.INFO: "\x1b[36m"}


class RequestLog:
    """The outermost step, so that the time is all of the time in the server. color: whether lines carry escape codes."""

    def __init__(self, app: ASGIApp, *, color: bool) -> None:
        self._app = app
        self._color = color

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request and logs it, also when it dies."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        bind_contextvars(request_id=request_id)
        status = 500

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            seconds = perf_counter() - started
            route = route_of(scope)
            requests, duration = request_meters(scope["method"] if route != OTHER else "", route, status)
            requests.inc()
            duration.observe(seconds)
            self._write(status, seconds * 1000, scope)

    def _write(self, status: int, milliseconds: float, scope: Scope) -> None:
        level = severity(status, milliseconds)
        if not access_log.isEnabledFor(level):
            return
        method, target = scope["method"], shown_target(scope)
        line = f"{status}  {milliseconds:.1f}ms  {method:<6}  {target}"
        # The same as fields, for a log that is read by programs.
        fields = {"status": status, "milliseconds": round(milliseconds, 1), "method": method, "path": target}
        access_log.log(level, f"{COLORS[level]}{line}\x1b[0m" if self._color else line, extra=fields)


def severity(status: int, milliseconds: float) -> int:
    """The level of a request's line."""
    if status >= 500 or milliseconds >= VERY_SLOW_MS:
        return logging.CRITICAL
    if status >= 400 or milliseconds >= SLOW_MS:
        return logging.WARNING
    return logging.INFO


def route_of(scope: Scope) -> str:
    """The template of the request's route; what strangers make up is one and the same."""
    route = scope.get("route")
    if route is not None and hasattr(route, "declared"):
        # One of our own; mounted applications name their routes without what they are mounted under.
        template: str = route.path
        return template
    first = "/" + scope["path"].split("/", 2)[1]
    return f"{first}/" if first in MOUNTED else OTHER


def shown_target(scope: Scope) -> str:
    """Path and query as sent, without the values of secrets and without characters that could forge log lines."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    target = SECRET_PATH.sub(r"\1…", raw.decode("latin-1"))
    query: bytes = scope["query_string"]
    if query:
        if target.startswith("/auth/"):
            target += "?…"
        else:
            target += SECRET_PARAMETER.sub(r"\1…", "?" + query.decode("latin-1"))
    return target if target.isprintable() else target.encode("unicode_escape").decode()


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and SANE_REQUEST_ID.fullmatch(value):
            given: str = value.decode()
            return given
    return secrets.token_hex(8)
