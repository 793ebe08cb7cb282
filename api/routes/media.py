"""Stored files, without authentication: whoever has the unguessable address may read (contract: notes 1.7, clients 11).

What people upload must never act as a page of this origin: types are derived from the bytes, anything but a plain image is
a download, and no file may run scripts or load anything.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from api.answers import json_response
from api.auth import NO_CREDENTIALS
from api.call import Call
from api.ranges import Unsatisfiable, http_date, not_modified, requested_span
from api.routing import Route
from commands.accounts.avatars import default_avatar
from commands.attachments.media_types import HEAD_BYTES, PLAIN_IMAGES, media_type
from eventstore.blobs import BlobMissing, is_path
from projections.attachments.queries import Media, find_media

MISSING = {"detail": "Not found."}
FOR_EVER = "private, max-age=31536000, immutable"
FOR_MINUTES = "private, max-age=300"


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known about a file before its bytes are sent."""

    filename: str
    media_type: str
    size: int
    etag: str
    modified: datetime
    cache: str
    drawn: bytes | None = None
    """What was never stored."""


async def get_media(call: Call) -> Response:
    """The bytes of a stored file, or a part of them."""
    path: str = call.path["path"]
    try:
        return await _served(call, path)
    except BlobMissing:
        return json_response(404, MISSING)


async def _served(call: Call, path: str) -> Response:
    found = await _find(call, path)
    headers = _headers(found)
    if not_modified(call.header(b"if-none-match"), call.header(b"if-modified-since"), found.etag, found.modified):
        return Response(status_code=304, headers=headers)
    try:
        span = requested_span(call.header(b"range"), call.header(b"if-range"), found.etag, found.modified, found.size)
    except Unsatisfiable:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{found.size}"})
    start, end = (span.start, span.end) if span else (0, found.size)
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    headers["Content-Length"] = str(end - start)
    status = 206 if span is not None else 200
    if call.scope["method"] == "HEAD":
        return Response(status_code=status, headers=headers)
    if found.drawn is not None:
        return Response(found.drawn[start:end], status, headers)
    pieces = call.services.blobs.stream(path, start, end)
    return StreamingResponse(await _begun(pieces, call.services.settings.request_seconds), status, headers)


async def _begun(pieces: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """The same pieces, the first of them read: that the file cannot be had shows while there is still a status to choose.

    Each further one has so many seconds to come; without it the connection ends, which tells the client that the file is not whole.
    """
    piece: bytes | None = await anext(pieces, b"")

    async def whole() -> AsyncIterator[bytes]:
        nonlocal piece
        while piece is not None:
            yield piece
            async with asyncio.timeout(seconds):
                piece = await anext(pieces, None)

    return whole()


async def _find(call: Call, path: str) -> Stored:
    if not is_path(path):
        raise BlobMissing(path)
    blobs = call.services.blobs
    _, row = await call.services.reader.ask(find_media(path), NO_CREDENTIALS)
    known = Media(*row)
    if not known.is_readable:
        raise BlobMissing(path)
    blob = await blobs.find(path)
    if blob is None and known.account_id is not None:
        return await _default_picture(call, known.account_id, known.username, known.since)
    if blob is None:
        raise BlobMissing(path)
    if known.is_attachment:
        return Stored(known.filename, known.media_type, known.size, f'"{known.sha256}"', known.since, FOR_EVER)
    name = path.rpartition("/")[2]
    head = b"".join([piece async for piece in blobs.stream(path, 0, min(HEAD_BYTES, blob.size))])
    return Stored(name, media_type(name, head), blob.size, f'"{blob.etag}"', blob.modified, FOR_MINUTES)


async def _default_picture(call: Call, account_id: int, username: str, registered: datetime) -> Stored:
    """What every account shows that has stored no picture (contract: accounts 5.1)."""
    drawn = await call.in_thread(default_avatar, account_id, username)
    etag = f'"{hashlib.sha256(drawn).hexdigest()}"'
    return Stored("profile.png", "image/png", len(drawn), etag, registered, FOR_MINUTES, drawn)


def _headers(found: Stored) -> dict[str, str]:
    shown = "inline" if found.media_type in PLAIN_IMAGES else "attachment"
    kind = found.media_type
    return {
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(found.filename, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Accept-Ranges": "bytes",
        "ETag": found.etag,
        "Last-Modified": http_date(found.modified),
        "Cache-Control": found.cache,
    }


SITE_ROUTES = [
    Route(
        "GET",
        "/media/{path:path}",
        get_media,
        "Read a stored file",
        caller="ignored",
        description="The address is the key. Ranges and conditional requests work; anything but plain images is a download.",
        tags=["media"],
        media="*/*",
        answers={206: None, 304: None, 416: None},
    ),
]
