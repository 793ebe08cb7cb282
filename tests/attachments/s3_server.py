"""A stand-in for an S3-style service: one bucket in memory, spoken to with the protocol's requests and signatures.

It checks the signature of every request (AWS Signature Version 4), so a store with a wrong key is refused as it would be.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

KEY_ID, SECRET, REGION = "stand-in", "a secret key", "auto"
PAGE = 100
"""Objects in one page of a list, fewer than the real service has, so that tests see more than one page."""


@dataclass
class Stored:
    """One object."""

    content: bytes
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def etag(self) -> str:
        """As the service makes it."""
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


@dataclass
class S3Server:
    """The bucket, what was asked of it, and whether it is out of order."""

    endpoint: str
    bucket: str = "files"
    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """Uploads in parts that have not ended."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """(method, path with query)."""
    is_down: bool = False

    def environment(self) -> dict[str, str]:
        """What an operator sets beside the address of the bucket."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
        }


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Serves on a free port."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Handler.state = S3Server(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Handler.state
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: S3Server

    def log_message(self, *args: object) -> None:
        pass

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.state.requests.append((self.command, self.path))
        split = urlsplit(self.path)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        if self.state.is_down:
            self._answer(503, _error("ServiceUnavailable"))
        elif not self._is_signed(split.path, query, body):
            self._answer(403, _error("SignatureDoesNotMatch"))
        elif not (unquote(split.path) + "/").startswith(f"/{self.state.bucket}/"):
            self._answer(404, _error("NoSuchBucket"))
        else:
            key = unquote(split.path).removeprefix(f"/{self.state.bucket}").removeprefix("/")
            getattr(self, f"_{self.command.lower()}")(key, query, body)

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _get(self, key: str, query: dict[str, str], body: bytes) -> None:
        if not key and query.get("list-type") == "2":
            self._answer(200, self._listed(query))
            return
        stored = self.state.objects.get(key)
        if stored is None:
            self._answer(404, _error("NoSuchKey"))
            return
        headers = {"ETag": stored.etag, "Last-Modified": format_datetime(stored.modified, usegmt=True)}
        asked = self.headers.get("Range")
        if asked is None:
            self._answer(200, stored.content, headers)
            return
        first, last = asked.removeprefix("bytes=").split("-")
        start, end = int(first), min(int(last), len(stored.content) - 1) if last else len(stored.content) - 1
        headers["Content-Range"] = f"bytes {start}-{end}/{len(stored.content)}"
        self._answer(206, stored.content[start : end + 1], headers)

    _head = _get

    def _put(self, key: str, query: dict[str, str], body: bytes) -> None:
        if "uploadId" in query:
            self.state.uploads[query["uploadId"]][int(query["partNumber"])] = body
            self._answer(200, b"", {"ETag": Stored(body).etag})
            return
        self.state.objects[key] = Stored(body)
        self._answer(200, b"", {"ETag": self.state.objects[key].etag})

    def _post(self, key: str, query: dict[str, str], body: bytes) -> None:
        if "delete" in query:
            gone = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for one in gone:
                self.state.objects.pop(unescape(one), None)
            self._answer(200, _xml("DeleteResult", "".join(f"<Deleted><Key>{one}</Key></Deleted>" for one in gone)))
            return
        if "uploads" in query:
            upload = f"upload-{len(self.state.requests)}"
            self.state.uploads[upload] = {}
            inner = f"<Bucket>{self.state.bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            self._answer(200, _xml("InitiateMultipartUploadResult", inner))
            return
        parts = self.state.uploads.pop(query["uploadId"])
        self.state.objects[key] = Stored(b"".join(parts[number] for number in sorted(parts)))
        inner = f"<Key>{escape(key)}</Key><ETag>{escape(self.state.objects[key].etag)}</ETag>"
        self._answer(200, _xml("CompleteMultipartUploadResult", inner))

    def _delete(self, key: str, query: dict[str, str], body: bytes) -> None:
        if "uploadId" in query:
            self.state.uploads.pop(query["uploadId"], None)
        else:
            self.state.objects.pop(key, None)
        self._answer(204)

    def _listed(self, query: dict[str, str]) -> bytes:
        after = query.get("continuation-token", "")
        found = sorted(key for key in self.state.objects if key.startswith(query.get("prefix", "")) and key > after)
        page = found[:PAGE]
        inner = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{stored.modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{escape(stored.etag)}</ETag><Size>{len(stored.content)}</Size></Contents>"
            for key in page
            for stored in (self.state.objects[key],)
        )
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(found) > PAGE else ""
        return _xml(
            "ListBucketResult", f"<KeyCount>{len(page)}</KeyCount><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{inner}"
        )

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _is_signed(self, path: str, query: dict[str, str], body: bytes) -> bool:
        authorization = self.headers.get("Authorization", "")
        if not authorization.startswith("AWS4-HMAC-SHA256 "):
            return False
        given = dict(part.strip().split("=", 1) for part in authorization.removeprefix("AWS4-HMAC-SHA256 ").split(","))
        key_id, day, region, service, kind = given["Credential"].split("/")
        payload = self.headers["x-amz-content-sha256"]
        if (key_id, region, service) != (KEY_ID, REGION, "s3") or payload not in {hashlib.sha256(body).hexdigest(), "UNSIGNED-PAYLOAD"}:
            return False
        names = given["SignedHeaders"].split(";")
        canonical = "\n".join(
            [
                self.command,
                path,
                "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items())),
                *(f"{name}:{self.headers[name].strip()}" for name in names),
                "",
                given["SignedHeaders"],
                payload,
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signed = f"AWS4-HMAC-SHA256\n{self.headers['x-amz-date']}\n{day}/{region}/{service}/{kind}\n{digest}"
        secret = f"AWS4{SECRET}".encode()
        for part in (day, region, service, kind):
            secret = hmac.digest(secret, part.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(secret, signed.encode(), "sha256").hex(), given["Signature"])


def _xml(name: str, inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</{name}>'.encode()


def _error(code: str) -> bytes:
    return _xml("Error", f"<Code>{code}</Code><Message>{code}</Message>")
