"""A server of calendars that behaves as badly as it is told to."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CALENDAR = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20310506T190000Z\r\nSUMMARY:Lecture\r\nEND:VEVENT\r\n"
    b"END:VCALENDAR\r\n"
)
EMPTY_CALENDAR = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"

Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class FeedServer:
    """What it answers, by path, and what it was asked."""

    port: int
    answers: dict[str, Behaviour] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """An address of this server."""
        return f"http://{host}:{self.port}{path}"

    def asked(self, path: str) -> list[dict[str, str]]:
        """The headers of the requests for a path."""
        return [headers for asked, headers in self.requests if asked == path]


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    """Serves on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            state.answers.get(self.path, status(404))(self)

        def log_message(self, *args: object) -> None:
            pass

    with _listening(Handler) as server:
        server.daemon_threads = True
        state = FeedServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


def _listening(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """On a port that no earlier test had: what is known of an address stands for a while."""
    while True:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if server.server_address[1] not in _used_ports:
            _used_ports.add(server.server_address[1])
            return server
        server.server_close()


_used_ports: set[int] = set()


def body(data: bytes, **headers: str) -> Behaviour:
    """200 with these bytes."""
    return status(200, data, **headers)


def status(code: int, data: bytes = b"", **headers: str) -> Behaviour:
    """A status with headers (underscores stand for hyphens)."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if code not in (204, 304):
            handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def redirect(code: int, target: str) -> Behaviour:
    """A redirect."""
    return status(code, Location=target)


def conditional(data: bytes, etag: str, modified: str) -> Behaviour:
    """304 to whoever knows the validators."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        known = handler.headers.get("If-None-Match") == etag
        (status(304) if known else body(data, ETag=etag, Last_Modified=modified))(handler)

    return answer


def gzip_bomb(unpacked: int) -> Behaviour:
    """A small body that unfolds to so many bytes."""
    return body(gzip.compress(b"BEGIN:VCALENDAR\r\n" + b"X" * unpacked), Content_Encoding="gzip")


def endless(chunk: bytes, pause: float, **headers: str) -> Behaviour:
    """A body that never ends, byte by byte."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(chunk)
                handler.wfile.flush()
                time.sleep(pause)
        except OSError:
            handler.close_connection = True

    return answer


def truncated(data: bytes) -> Behaviour:
    """Promises more bytes than it sends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data) + 100))
        handler.end_headers()
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


def unmeasured(data: bytes) -> Behaviour:
    """Does not say how long the body is: the end of the connection is the end of the body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


def in_chunks(data: bytes, *, ended: bool = True) -> Behaviour:
    """A chunked body, with the chunk that ends it or without."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(data), 50):
            piece = data[start : start + 50]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if ended:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Closes the connection without a word."""
    handler.close_connection = True
    handler.connection.close()
