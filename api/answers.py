"""JSON answers, from values or from the finished fragments that read models hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope

from projections.wire import resolved

JSON = "application/json; charset=utf-8"


def media_origin(scope: Scope) -> str:
    """Scheme and host of media addresses: the ones the client reached us under, unless the operator names another."""
    origin: str = scope["app"].state.services.settings.media_url or scope["origin"]
    return origin


def finished(scope: Scope, text: str | bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Finished JSON as the answer, with the origin of media put in its places."""
    return Response(resolved(text, media_origin(scope)), status, headers, JSON)


def json_response(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with this value as JSON."""
    return Response(orjson.dumps(body), status, headers, JSON)


def column(row: tuple[Any, ...] | None, index: int = 0) -> bytes:
    """The finished JSON that a question has for its answer."""
    assert row is not None
    return bytes(row[index])
