"""Files that arrive in multipart bodies: read to disk, stopped at the limit, examined, put into the store."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from starlette.datastructures import UploadFile
from starlette.responses import Response

from api.bodies import read_body
from api.call import Call
from api.errors import TooLarge
from commands.attachments.media_types import HEAD_BYTES, content_type, media_type
from commands.errors import Declined, Refused
from projections.media import media_path

ROOM_AROUND = 64 * 1024
"""Bytes of a multipart body beside its file."""
LONGEST_NAME = 255

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
"""Control characters, and those that nobody sees or that turn the writing round: with them a name looks like another one."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that was sent. `file` is at its beginning."""

    file: UploadFile
    filename: str
    size: int
    declared_type: str
    media_type: str
    """Derived from name and bytes."""
    sha256: str

    @property
    def content_type(self) -> str:
        """The type that clients are told."""
        return content_type(self.declared_type, self.media_type)


@asynccontextmanager
async def receive_file(call: Call, part: str, limit: int, too_large: str) -> AsyncIterator[Upload]:
    """The file in this part of the body. Raises Declined when there is none or it is longer than `limit` bytes."""
    try:
        body = await read_body(call.scope, call.request.receive, limit + ROOM_AROUND)
    except TooLarge:
        raise Declined(too_large) from None
    try:
        await call.identify_again()
        sent = body.fields.get(part) if isinstance(body.fields, dict) else None
        if not isinstance(sent, UploadFile):
            raise Declined("No file provided.")
        if (sent.size or 0) > limit:
            raise Declined(too_large)
        upload = await asyncio.to_thread(_examine, sent)
        # Repetitions of an upload differ in the boundary between their parts; what counts is the file.
        call.sent = replace(body, raw=upload.sha256.encode() + upload.filename.encode())
        yield upload
    finally:
        for file in body.files:
            file.file.close()


async def store(call: Call, upload: Upload, path: str, name: Callable[[], Response]) -> Response:
    """Puts the file into the store, then carries out the command (in a thread) whose event names it and whose answer shows its address.

    Where no event names it, the file is removed: the command was refused, or answered from an earlier request with the same key.
    After any other failure the command may have been saved, or may be saved yet, so the file stays; strays are swept up later.
    """
    blobs = call.services.blobs
    await blobs.put(path, upload.file.file)
    try:
        response = await call.in_thread(name)
    except Refused:
        await blobs.discard(path)
        raise
    if media_path(path).encode() not in response.body:
        await blobs.discard(path)
    return response


def _examine(sent: UploadFile) -> Upload:
    filename = last_component(sent.filename or "")
    file = sent.file
    file.seek(0)
    head = file.read(HEAD_BYTES)
    digest = hashlib.sha256(head)
    size = len(head)
    while piece := file.read(1 << 20):
        digest.update(piece)
        size += len(piece)
    file.seek(0)
    return Upload(sent, filename, size, sent.content_type or "", media_type(filename, head), digest.hexdigest())


def last_component(filename: str) -> str:
    """The name without folders, as browsers escape it undone; `untitled` when nothing is left that names a file."""
    name = filename.encode("utf-8", "replace").decode()
    name = name.replace("%22", '"').replace("%0D", "").replace("%0A", "")
    name = _CONTROL.sub("", name.replace("\\", "/").rpartition("/")[2]).strip()
    return name[:LONGEST_NAME] if name.strip(".") else "untitled"
