"""The HTTP connection itself: what bounds a request before there is one, after its answer, and while its answer is read."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.middleware.headers import SAFE_DEFAULTS
from api.middleware.requests import log_unread

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
"""From the first byte of a request to the end of its head. An idle connection has the server's own time."""
FRAMING_PER_BYTE = 8
"""Bytes around a body's byte at most, as when each comes in a chunk of its own; beside that a body may bring HEAD_BYTES of trailers."""
LEFTOVER_SECONDS = 20.0
"""For the rest of a body that nobody reads any more, since its request is answered."""
HELD_BYTES = 4096
"""More than this is not held back for what may follow."""
STUCK_SECONDS = 60.0
"""A client takes something of its answer in this time, or is not there."""


class JoiningTransport:
    """A connection that sends the head of an answer together with its body, when that follows at once.

    The server's protocol writes them one after the other, and each write is a call to the system and wakes the client.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._release: asyncio.Handle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sends what is long or comes behind something held; the rest at the end of this step of the loop."""
        if self._release is not None:
            self._transport.write(self._taken() + data)
        elif len(data) <= HELD_BYTES:
            self._held = data
            self._release = self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Closes the connection when all is sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Closes it now, whatever is still to be sent."""
        self._taken()
        self._transport.abort()

    def _taken(self) -> bytes:
        if self._release is not None:
            self._release.cancel()
            self._release = None
        held, self._held = self._held, b""
        return held

    def _flush(self) -> None:
        if held := self._taken():
            self._transport.write(held)


class BoundedProtocol(HttpToolsProtocol):
    """The server's protocol, which by itself reads heads and trailers of any size, and waits for ever for clients that do nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._rest_bytes = 0
        self._body_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._began = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected: silence counts as well."""
        super().connection_made(cast(asyncio.Transport, JoiningTransport(transport, self.loop)))
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Counts what is no body: a head that is not complete, and what lies around and behind a body."""
        in_head = self._in_head
        if in_head:
            self._head_bytes += len(data)
        else:
            self._rest_bytes += len(data)
        super().data_received(data)
        if self._in_head:
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431)
            elif self._head_bytes and self._timer is None:
                self._await_head()
        elif not in_head and self._rest_bytes > HEAD_BYTES + FRAMING_PER_BYTE * self._body_bytes:
            self._refuse(431)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._in_head = False
        self._rest_bytes = self._body_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is there: what comes next is another head."""
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = 0
        if self.cycle.response_complete:
            self._stop_timer()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def on_response_complete(self) -> None:
        """The answer is given, perhaps before all of the body has come."""
        super().on_response_complete()
        if not self._in_head and self.cycle.response_complete and self._timer is None:
            self._timer = self.loop.call_later(LEFTOVER_SECONDS, self.transport.close)

    def pause_writing(self) -> None:
        """The client is slower than we are."""
        super().pause_writing()
        self._watch_writing(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has taken what waited."""
        self._stop_write_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP. msg: the library's words for it."""
        self._refuse(400)

    def _watch_writing(self, waiting: int) -> None:
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(STUCK_SECONDS, self._check_writing, waiting)

    def _check_writing(self, waited: int) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting >= waited:
            self.transport.abort()
        else:
            self._watch_writing(waiting)

    def _await_head(self) -> None:
        self._began = self.loop.time()
        self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _refuse(self, status: int) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        # In the middle of an answer to an earlier request on this connection there is no place for another one.
        under_way: RequestResponseCycle | None = self.cycle
        if under_way is None or under_way.response_complete:
            self.transport.write(_refusal(status))
            if self._head_bytes:
                log_unread(status, (self.loop.time() - self._began) * 1000)
        self.transport.close()


def _refusal(status: int) -> bytes:
    phrase = HTTPStatus(status).phrase
    body = b'{"detail":"%s."}' % phrase.capitalize().encode()
    head = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *SAFE_DEFAULTS,
    ]
    lines = [f"HTTP/1.1 {status} {phrase}".encode(), *(name + b": " + value for name, value in head), b"", body]
    return b"\r\n".join(lines)
