"""Reading request bodies: JSON whatever its label says, forms as the same dictionary, and never more than the limit."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import parse_qsl

import orjson
from python_multipart.exceptions import FormParserError
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from api.errors import Malformed, TooLarge, UnsupportedMediaType
from eventstore.halves import parsed

DEFAULT_LIMIT = 20 * 1024 * 1024
ANONYMOUS_LIMIT = 1024 * 1024
"""Where nobody has to sign in, nobody has much to send."""
DEEPEST = 100
"""Levels of nesting in a JSON body: more than any client sends, less than what exhausts a parser or a stack."""
MOST_CONTAINERS = 1_000_000
"""Lists and objects in a JSON body. Each takes thirty times the memory of its two bytes."""
MOST_PARTS = 1000
LONG_BODY = 64 * 1024
"""Bytes. From here on a body is parsed and validated in a thread: ten megabytes would hold up everybody else on the event loop."""
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string of a JSON text, whose brackets open nothing. It gives nothing back, so that hostile ones are read once."""
CHARSET = re.compile(r";\s*charset\s*=\s*(\"[^\"]*\"|[^;]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """What was sent. `fields` is whatever the JSON text holds, not always a dictionary."""

    fields: Any
    raw: bytes = b""
    """The bytes as they came; none of a multipart body."""
    form: bool = False
    files: Sequence[UploadFile] = ()
    """To be closed when the request is done."""

    def meaning(self) -> bytes:
        """What tells whether two requests are the same. A multipart body is its fields and files: the boundary between them is
        another one whenever a client sends it again. Reads files, so not on the event loop.
        """
        if self.raw or not self.form:
            return self.raw
        digest = hashlib.sha256()
        for name, value in sorted(self.fields.items()):
            shown = (value.filename or "", _digest_of(value.file)) if isinstance(value, UploadFile) else (value, None)
            digest.update(repr((name, *shown)).encode())
        return digest.digest()


class Limited:
    """The request's messages, refusing bodies that grow past the limit while they arrive."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0

    async def __call__(self) -> Message:
        """The next message. Raises TooLarge."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self._seen += len(message.get("body", b""))
        if self._seen > self._limit:
            await self._drain(message)
            raise TooLarge(self._limit)
        return message

    async def _drain(self, message: Message) -> None:
        """Lets go of what is still coming, within reason: a client that is still sending would not see the answer."""
        while message.get("more_body", False) and self._seen < 5 * self._limit:
            message = await self._receive()
            self._seen += len(message.get("body", b""))

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body piece by piece."""
        while True:
            message = await self()
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return


def _digest_of(file: IO[bytes]) -> str:
    position = file.tell()
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    file.seek(position)
    return digest.hexdigest()


async def read_body(scope: Scope, receive: Receive, limit: int) -> Body:
    """Reads and parses the body. Raises TooLarge, Malformed or UnsupportedMediaType."""
    content_type = ""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value.decode("latin-1")
    source = Limited(receive, limit)
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == MULTIPART:
        items = await _multipart(scope, source.chunks())
        files = [value for _, value in items if isinstance(value, UploadFile)]
        return Body(dict(items), form=True, files=files)
    chunks = [chunk async for chunk in source.chunks()]
    if sum(map(len, chunks)) >= LONG_BODY:
        return await asyncio.to_thread(_parsed, chunks, media_type, content_type)
    return _parsed(chunks, media_type, content_type)


def _parsed(chunks: Sequence[bytes], media_type: str, content_type: str) -> Body:
    raw = b"".join(chunks)
    if media_type == FORM:
        return Body(_urlencoded(raw), raw, form=True)
    try:
        return Body(parse_json(raw), raw)
    except Malformed:
        if media_type and media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedMediaType(content_type[:200]) from None
        raise


def parse_json(raw: bytes) -> Any:
    """The JSON value; an empty body counts as an empty object. NaN and endless nesting are refused, halves of characters replaced."""
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if not raw.strip():
        return {}
    containers = _brackets(raw)
    if containers > MOST_CONTAINERS and containers - sum(_brackets(string[0]) for string in _STRING.finditer(raw)) > MOST_CONTAINERS:
        raise Malformed(f"more than {MOST_CONTAINERS:,} lists and objects")
    try:
        value = parsed(raw)
    except orjson.JSONDecodeError as error:
        raise Malformed(str(error)) from None
    if containers > DEEPEST and _depth(value) > DEEPEST:
        raise Malformed(f"nested deeper than {DEEPEST} levels")
    return value


def _brackets(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _depth(value: Any) -> int:
    level = [value]
    depth = 0
    while level:
        depth += 1
        inner: list[Any] = []
        for item in level:
            members = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
            inner.extend(member for member in members if isinstance(member, (dict, list)))
        level = inner
    return depth


def _urlencoded(raw: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_PARTS)
    except ValueError:
        raise _bad_form(f"more than {MOST_PARTS} fields") from None
    return dict(pairs)


async def _multipart(scope: Scope, chunks: AsyncGenerator[bytes, None]) -> list[tuple[str, str | UploadFile]]:
    # A declared charset could decode names to lone surrogates; without one they are UTF-8, or Latin-1 where they are not.
    content_type = CHARSET.sub("", Headers(scope=scope)["content-type"])
    parser = MultiPartParser(
        Headers({"content-type": content_type}),
        chunks,
        max_files=MOST_PARTS,
        max_fields=MOST_PARTS,
        max_part_size=DEFAULT_LIMIT,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise _bad_form(error.message) from None
    except (FormParserError, KeyError, UnicodeError, LookupError, AssertionError) as error:
        raise _bad_form(str(error)) from None
    return form.multi_items()


def _bad_form(reason: str) -> HTTPException:
    return HTTPException(400, f"Form parse error - {reason}")
