"""Every answer that is not a success, in the shapes that the clients read (contract: accounts 3, planner_platform 12.3)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope

from api.answers import finished, json_response
from api.middleware.requests import shown_path
from commands.errors import Refused
from eventstore.blobs import BlobStoreUnavailable
from eventstore.database import UNAVAILABLE
from eventstore.room import disk_full
from projections.reading import Rejected

RETRY_SECONDS = 2
ROOM_SECONDS = 60
DATABASE_AWAY = "The database cannot be reached at the moment. Please try again in a few seconds."
DISK_FULL = "The server has no room left to store this. Nothing was changed; please try again later."
FILES_AWAY = "Files cannot be stored or read at the moment. Please try again in a few seconds."

log = structlog.get_logger("notechondria.errors")
auth_log = logging.getLogger("notechondria.auth")


class Refusal(Exception):
    """A request that the door itself turns away."""

    status: int = 400

    def __init__(self, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.body = body
        self.headers = headers


class Unauthenticated(Refusal):
    """No credentials where some are needed, or bad ones anywhere."""

    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__({"detail": detail}, {"WWW-Authenticate": "Token"})


class Denied(Refusal):
    """The caller is known and may not do this."""

    status = 403

    def __init__(self, detail: str = "You do not have permission to perform this action.") -> None:
        super().__init__({"detail": detail})


class MethodNotAllowed(Refusal):
    """The path exists, but not with this method."""

    status = 405

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__({"detail": f'Method "{method}" not allowed.'}, {"Allow": ", ".join(allowed)})


class NoSuchName(Refusal):
    """The path holds what cannot name anything where a uuid belongs (contract: notes 1.3)."""

    status = 404

    def __init__(self) -> None:
        super().__init__({"detail": "Not found."})


class Malformed(Refusal):
    """The body cannot be read as JSON."""

    def __init__(self, reason: str) -> None:
        super().__init__({"detail": f"JSON parse error - {reason}"})


class InvalidFields(Refusal):
    """Fields that are wrong, or the whole body under non_field_errors."""


class TooLarge(Refusal):
    """The body is longer than the route takes."""

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(
            {"detail": f"The request is larger than the {limit:,} bytes that are accepted here."},
            {"Connection": "close"},
        )


class TooManyRequests(Refusal):
    """The caller has used up the requests of this minute, or has too many under way at once."""

    status = 429

    def __init__(self, seconds: int, detail: str) -> None:
        super().__init__({"detail": detail}, {"Retry-After": str(seconds)})


class UnsupportedMediaType(Refusal):
    """Neither JSON nor a form."""

    status = 415

    def __init__(self, media_type: str) -> None:
        super().__init__({"detail": f'Unsupported media type "{media_type}" in request.'})


class BadHost(Refusal):
    """The Host header is malformed, missing or there twice, or names a host that is not served here."""

    def __init__(self) -> None:
        super().__init__(None)


ROUTE_TEXTS = {400: "Bad request.", 403: "Permission denied.", 404: "Page not found.", 500: "Internal server error."}


def route_error(status: int, scope: Scope, **more: Any) -> Response:
    """The shape of errors that have no view: no such route, a refused host, a crash. Outside the API it is a sentence for people."""
    path: str = scope["path"]
    if not path.startswith("/api/"):
        return Response(ROUTE_TEXTS[status], status, media_type="text/plain")
    text = "API route not found." if status == 404 else ROUTE_TEXTS[status]
    return json_response(status, {"detail": text, "status_code": status, "path": path, **more})


def respond_to(error: Exception, scope: Scope) -> Response:
    """The answer to a request whose handling raised this."""
    match error:
        case BadHost():
            return route_error(400, scope)
        case Refused(body=bytes() as text):
            response = finished(scope, text, error.status, error.headers)
        case Refusal() | Refused():
            response = json_response(error.status, error.body, error.headers)
        case Rejected():
            response = json_response(401, {"detail": error.detail}, {"WWW-Authenticate": "Token"})
        case HTTPException():
            response = _framework_error(error, scope)
        case ClientDisconnect():
            return Response(status_code=400)
        case _ if disk_full(error) or isinstance(error, (*UNAVAILABLE, BlobStoreUnavailable)):
            return _unavailable(error, scope)
        case _:
            return _crash(error, scope)
    if response.status_code in (401, 403):
        _note_refused_caller(scope, response)
    return response


def _framework_error(error: HTTPException, scope: Scope) -> Response:
    if error.status_code == 404:
        return route_error(404, scope)
    if error.status_code == 405:
        body = {"detail": f'Method "{scope["method"]}" not allowed.'}
    else:
        body = {"detail": error.detail or HTTPStatus(error.status_code).phrase}
    return json_response(error.status_code, body, error.headers)


def _unavailable(error: Exception, scope: Scope) -> Response:
    """What is no fault of the request, nor of ours: the same may succeed later."""
    if disk_full(error):
        log.error("disk full", error=" ".join(str(error).split())[:200], path=shown_path(scope))
        body = {"detail": DISK_FULL, "request_id": scope.get("request_id", "")}
        return json_response(503, body, {"Retry-After": str(ROOM_SECONDS)})
    if isinstance(error, BlobStoreUnavailable):
        log.warning("file store unavailable", path=shown_path(scope))
        return json_response(503, {"detail": FILES_AWAY}, {"Retry-After": str(RETRY_SECONDS)})
    log.warning("database unavailable", error=type(error).__name__, path=shown_path(scope))
    return json_response(503, {"detail": DATABASE_AWAY}, {"Retry-After": str(RETRY_SECONDS)})


def _crash(error: Exception, scope: Scope) -> Response:
    request_id = scope.get("request_id", "")
    log.error(
        "request failed",
        method=scope["method"],
        path=shown_path(scope),
        request_id=request_id,
        exc_info=(type(error), error, error.__traceback__),
    )
    return route_error(500, scope, request_id=request_id)


def _note_refused_caller(scope: Scope, response: Response) -> None:
    """One line per 401 and 403. The key shows as a digest, so that repeated tries can be told apart without it."""
    presented = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    key = hashlib.sha256(presented).hexdigest()[:8] if presented else "none"
    auth_log.info("%s %s %r key=%s", response.status_code, scope["method"], shown_path(scope), key)
