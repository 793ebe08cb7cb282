"""JSON answers, from values or from the finished fragments that read models hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope

JSON = "application/json; charset=utf-8"
ORIGIN_MARK = b"\x1a"
"""Stands in finished JSON for scheme and host of media addresses; no valid JSON text contains this byte."""


def media_origin(scope: Scope) -> str:
    """Scheme and host of media addresses: the ones the client reached us under, unless the operator names another."""
    origin: str = scope["app"].state.services.settings.media_url or scope["origin"]
    return origin


def finished(scope: Scope, text: str | bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Finished JSON as the answer, with the origin of media put in its places."""
    content = text.encode() if isinstance(text, str) else text
    if ORIGIN_MARK in content:
        content = content.replace(ORIGIN_MARK, media_origin(scope).encode())
    return Response(content, status, headers, JSON)


def json_response(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with this value as JSON."""
    return Response(orjson.dumps(body), status, headers, JSON)
