"""The endpoint /mcp: who calls, which era of the protocol, then the SDK (contract: mcp 2, 3, 13)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from eventstore.database import UNAVAILABLE
from eventstore.uses import note_use, use_is_due
from mcp_server.callers import Admitted, NotAdmitted, acting, admit, ended
from mcp_server.listening import Listeners
from mcp_server.messages import Forwarded, Reply, is_modern, read_message, unreadable, unserved
from mcp_server.server import build_server
from wiring import Services

LARGEST_BODY = 4 * 1024 * 1024
THREADS = 8
JSON = "application/json"
STREAM = "text/event-stream"
BOTH = f"{JSON}, {STREAM}".encode()
LONGEST_SESSION_ID = 256
SURE_S = 1.0
"""Who takes longer to send a body is asked for again: the key may have ended meanwhile."""
UNSAID = "-"
"""In the place of the key, which nothing behind the door needs to know."""
REPLACED = frozenset({b"accept", b"content-length", b"content-type", b"mcp-session-id"})
"""Headers that the SDK is not shown as they came: it takes fewer media types than are admitted here."""

for _name in ("mcp", "mcp.server.streamable_http", "mcp.server.streamable_http_manager"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass
class _Running:
    """What lives as long as the process serves."""

    json: StreamableHTTPSessionManager
    streams: StreamableHTTPSessionManager
    threads: ThreadPoolExecutor


class TooLong(Exception):
    """A body over the limit."""


class AssistantDoor:
    """The ASGI application behind /mcp and /mcp/."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: _Running | None = None
        self._listeners = Listeners(services)
        settings = services.settings
        self._origins = {*settings.mcp_allowed_origins, *filter(None, (settings.public_origin, settings.frontend_origin))}

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """To be held open while requests are served."""
        listeners = self._listeners
        with ThreadPoolExecutor(THREADS, "assistant") as threads:
            server = build_server(self._services, threads, listeners)
            managers = [
                StreamableHTTPSessionManager(server, json_response=json, stateless=True, max_request_body_size=LARGEST_BODY)
                for json in (True, False)
            ]
            async with managers[0].run(), managers[1].run():
                self._running = _Running(managers[0], managers[1], threads)
                try:
                    yield
                finally:
                    self._running = None
                    await listeners.close()

    async def end_streams(self) -> None:
        """Ends all subscriptions; their clients come again, to whoever answers then."""
        await self._listeners.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = _Headers(scope["headers"])
        try:
            admitted = await self._admit(scope, headers)
            if not self._is_known_origin(scope, headers.text(b"origin")):
                await _detail(403, "Pages of this origin may not call this address.")(scope, receive, send)
                return
            scope["caller"] = admitted.caller
            await self._serve(scope, receive, send, headers, admitted)
        except NotAdmitted as refusal:
            response = _detail(401, str(refusal), {"WWW-Authenticate": "Bearer"})
            await response(scope, receive, send)
            return
        await self._note_use(admitted)

    async def _admit(self, scope: Scope, headers: _Headers) -> Admitted:
        return await admit(
            self._services,
            headers.text(b"authorization"),
            origin=self._services.settings.media_url or scope["origin"],
            request_id=scope["request_id"],
            agent=headers.text(b"user-agent") or "",
        )

    async def _serve(self, scope: Scope, receive: Receive, send: Send, headers: _Headers, admitted: Admitted) -> None:
        version = headers.text(b"mcp-protocol-version")
        modern = is_modern(version)
        method = scope["method"]
        if method == "DELETE" and not modern:
            await _detail(200, "The session has ended.")(scope, receive, send)
        elif method != "POST":
            allowed = "POST" if modern else "POST, DELETE"
            await _detail(405, "There is no stream to listen to here; use POST.", {"Allow": allowed})(scope, receive, send)
        elif "json" not in (headers.text(b"content-type") or "").lower():
            await _detail(415, "The body has to be JSON: send Content-Type: application/json.")(scope, receive, send)
        else:
            began = time.monotonic()
            try:
                body = await read_body(headers, receive)
            except TooLong:
                text = f"The request is larger than the {LARGEST_BODY:,} bytes that are accepted here."
                await _detail(413, text, {"Connection": "close"})(scope, receive, send)
                return
            if time.monotonic() - began > SURE_S:
                admitted = await self._admit(scope, headers)
            if modern and (refused := unreadable(body) or unserved((version or "").strip(), body)) is not None:
                await _replied(refused)(scope, receive, send)
            elif modern:
                await self._forward(scope, receive, send, headers, admitted, body, streams=True)
            else:
                await self._shake_hands(scope, receive, send, headers, admitted, body)

    async def _shake_hands(self, scope: Scope, receive: Receive, send: Send, headers: _Headers, admitted: Admitted, body: bytes) -> None:
        read = read_message(body)
        if isinstance(read, Reply):
            response = _replied(read)
            if read.status == 200:
                response.headers["Mcp-Session-Id"] = session_id(headers)
            await response(scope, receive, send)
            return
        assert isinstance(read, Forwarded)
        name = session_id(headers).encode("latin-1")

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                message["headers"] = [*message.get("headers", ()), (b"mcp-session-id", name)]
            await send(message)

        streams = read.streams and STREAM in (headers.text(b"accept") or "")
        await self._forward(scope, receive, send_named, headers, admitted, read.body, streams=streams, accept=BOTH)

    async def _forward(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: _Headers,
        admitted: Admitted,
        body: bytes,
        *,
        streams: bool,
        accept: bytes | None = None,
    ) -> None:
        assert self._running is not None, "the lifespan has not begun"
        told = accept or headers.accepted()
        manager = self._running.streams if streams and STREAM.encode() in told else self._running.json
        kept = [(name, value.strip()) for name, value in scope["headers"] if name not in REPLACED]
        subject = str(admitted.assistant.account_id)
        user = AuthenticatedUser(AccessToken(token=UNSAID, client_id=subject, scopes=[], subject=subject))
        inner: MutableMapping[str, Any] = {
            **scope,
            "headers": [*kept, (b"accept", told), (b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())],
            "user": user,
        }
        sent = False

        async def receive_body() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        token, acts = auth_context_var.set(user), acting(admitted.assistant)
        try:
            await manager.handle_request(inner, receive_body, send)
        finally:
            ended(acts)
            auth_context_var.reset(token)

    def _is_known_origin(self, scope: Scope, origin: str | None) -> bool:
        """Programs send no Origin. Pages do: those of this server, of the apps, and those that the operator names."""
        return origin is None or origin in self._origins or origin == scope["origin"]

    async def _note_use(self, admitted: Admitted) -> None:
        """Remembers that the key is in use, once the answer has been sent."""
        if self._running is None or not use_is_due(admitted.caller):
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._running.threads, note_use, self._services.thread_pool, admitted.caller)
        except UNAVAILABLE:
            logging.getLogger("notechondria.mcp").warning("the use of a key could not be noted: the database is away")


class _Headers:
    """The headers of a request, by name in lower case."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._pairs = list(pairs)

    def text(self, name: bytes) -> str | None:
        """The first of this name."""
        return next((value.decode("latin-1") for key, value in self._pairs if key == name), None)

    def accepted(self) -> bytes:
        """What the client accepts; everything when it does not say."""
        return (self.text(b"accept") or "").encode("latin-1") or b"*/*"


async def read_body(headers: _Headers, receive: Receive) -> bytes:
    """The whole body. Raises TooLong."""
    declared = headers.text(b"content-length") or ""
    if declared.isdigit() and int(declared[:12]) > LARGEST_BODY:
        raise TooLong
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise TooLong
        if not message.get("more_body"):
            break
    return b"".join(parts)


def session_id(headers: _Headers) -> str:
    """The client's own, else a new one; there is no session behind it."""
    sent = headers.text(b"mcp-session-id")
    if sent and len(sent) <= LONGEST_SESSION_ID and sent.isprintable():
        return sent
    return str(uuid4())


def _replied(reply: Reply) -> Response:
    content = b"" if reply.body is None else orjson.dumps(reply.body)
    return Response(content, reply.status, media_type=JSON if content else None)


def _detail(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"detail": text}), status, headers, JSON)
