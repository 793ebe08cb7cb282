"""Names each request and writes one line about it when it is done (contract: planner_platform 12.5)."""

from __future__ import annotations

import logging
import re
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from eventstore.identifiers import unique_id
from metrics import request_meters

access_log = logging.getLogger("notechondria.access")

SLOW_MS = 500
VERY_SLOW_MS = 2000
SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
SECRET_WORDS = ("token", "code", "key", "secret", "password", "state", "signature")
"""Parameters with one of these in their names have values that no log may hold."""
CALENDARS = "/calendar/"
"""What lies under it is known by an address that is its own key."""
CALENDAR_KEY = re.compile(r"[0-9A-Fa-f]{48}")
"""Such a key, for addresses that lead nowhere because of what stands around it."""
MOUNTED = frozenset(("/mcp", "/admin", "/docs"))
OTHER = "other"


class RequestLog:
    """The outermost step, so that the time is all of the time that the server takes until its answer begins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request and logs it, also when it dies."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answered = perf_counter(), 0.0
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        bind_contextvars(request_id=request_id)
        status = 500

        async def send_named(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            elif not answered and message.get("body"):
                answered = perf_counter()
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            # How long clients take to receive a file, or listen to what comes, is their affair.
            seconds = (answered or perf_counter()) - started
            route = route_of(scope)
            requests, duration = request_meters(scope["method"] if route != OTHER else "", route, status)
            requests.inc()
            duration.observe(seconds)
            level = severity(status, seconds * 1000)
            if access_log.isEnabledFor(level):
                _write(level, status, seconds * 1000, scope["method"], shown_target(scope), request_id)


def log_unread(status: int, milliseconds: float) -> None:
    """Counts and logs what was refused before it was a request: nobody knows its method and path."""
    request_meters("", OTHER, status)[0].inc()
    _write(severity(status, milliseconds), status, milliseconds, "-", "-", "-")


def _write(level: int, status: int, milliseconds: float, method: str, target: str, request_id: str) -> None:
    # The same as fields, for a log that is read by programs.
    fields = {"status": status, "milliseconds": round(milliseconds, 1), "method": method, "path": target, "request_id": request_id}
    access_log.log(level, f"{status}  {milliseconds:.1f}ms  {method:<6}  {target}", extra=fields)


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
    # Not every path has a slash: of OPTIONS * it is the asterisk.
    first = "/" + scope["path"].removeprefix("/").partition("/")[0]
    return f"{first}/" if first in MOUNTED else OTHER


def shown_path(scope: Scope) -> str:
    """The path as sent, without secrets and without characters that could forge log lines: what a log may hold of it."""
    return _in_one_line(_without_secret(scope))


def shown_target(scope: Scope) -> str:
    """The same with the query, without the values of secrets in it."""
    target = _without_secret(scope)
    query: bytes = scope["query_string"]
    if query:
        if target.startswith("/auth/"):
            target += "?…"
        else:
            target += "?" + "&".join(map(_masked, query.decode("latin-1").split("&")))
    return _in_one_line(CALENDAR_KEY.sub("…", target))


def _masked(parameter: str) -> str:
    """Without the value, if that is secret. The value may be an address that has parameters of its own.

    No pattern: on a query of many question marks one would take time that grows with the square of their number.
    """
    pieces = parameter.split("=")
    for nth, piece in enumerate(pieces[:-1]):
        name = piece.partition("?")[2] if nth else piece
        if any(word in name.lower() for word in SECRET_WORDS):
            return "=".join([*pieces[: nth + 1], "…"])
    return parameter


def _without_secret(scope: Scope) -> str:
    # Compared as it is routed: characters of the path may have been sent encoded.
    if scope["path"].startswith(CALENDARS):
        return f"{CALENDARS}…"
    if CALENDAR_KEY.search(scope["path"]):
        return CALENDAR_KEY.sub("…", scope["path"])
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1")


def _in_one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and SANE_REQUEST_ID.fullmatch(value):
            given: str = value.decode()
            return given
    return unique_id()
