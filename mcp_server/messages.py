"""Messages of clients that shake hands: checked before the SDK sees them, completed where old clients leave things out.

Contract: mcp 2, 4 and 13. Clients of the modern revision are judged by the SDK itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from mcp_types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, UNSUPPORTED_PROTOCOL_VERSION

from mcp_server.naming import FIRST_VERSION, HANDSHAKE, MODERN

INITIALIZED = "notifications/initialized"
NO_JSON = "Parse error: the body is not JSON."
NO_UTF8 = "Parse error: the body is not UTF-8, in which JSON is sent."


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that needs no server: a JSON-RPC object, or none (202)."""

    status: int
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A request for the server. streams: whether the client asked to be told of progress."""

    body: bytes
    streams: bool


def unreadable(raw: bytes) -> Reply | None:
    """The refusal of what the SDK takes all the same: other encodings, and escapes of half a character (a lone surrogate), which
    nothing can store or send.
    """
    if not _is_utf8(raw):
        return failed(400, None, PARSE_ERROR, NO_UTF8)
    if b"\\u" in raw:
        try:
            orjson.loads(raw)
        except ValueError:
            return failed(400, None, PARSE_ERROR, NO_JSON)
    return None


def read_message(raw: bytes) -> Reply | Forwarded:
    """What becomes of a posted body."""
    if not _is_utf8(raw):
        return failed(400, None, PARSE_ERROR, NO_UTF8)
    try:
        message = orjson.loads(raw)
    except ValueError:
        return failed(400, None, PARSE_ERROR, NO_JSON)
    if not isinstance(message, dict):
        return failed(400, None, INVALID_REQUEST, "Invalid request: one JSON object is expected; batches are not taken.")
    number = message.get("id")
    known = number if _is_id(number) else None
    if message.get("jsonrpc") != "2.0":
        return failed(400, known, INVALID_REQUEST, 'Invalid request: "jsonrpc" has to be "2.0".')
    if "id" in message and known is None:
        return failed(400, None, INVALID_REQUEST, "Invalid request: an id is a number or text.")
    if "method" not in message and ("result" in message or "error" in message):
        return Reply(202, None)
    if not isinstance(message.get("method"), str):
        return failed(400, known, INVALID_REQUEST, 'Invalid request: "method" is missing.')
    return _request(message, known) if "id" in message else Reply(202, None)


def _request(message: dict[str, Any], number: Any) -> Reply | Forwarded:
    if message.get("params") is None:
        message.pop("params", None)
    params = message.get("params", {})
    if not isinstance(params, dict):
        return failed(200, number, INVALID_PARAMS, "Invalid params: an object is expected.")
    if message["method"] == INITIALIZED:
        return Reply(200, {"jsonrpc": "2.0", "id": number, "result": {}})
    if message["method"] == "initialize":
        message["params"] = introduced(params)
    try:
        body = orjson.dumps(message)
    except TypeError:
        # What is read may be nested deeper than what can be written.
        return failed(400, number, INVALID_REQUEST, "Invalid request: it is nested too deeply.")
    meta = params.get("_meta")
    return Forwarded(body, isinstance(meta, dict) and meta.get("progressToken") is not None)


def introduced(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of an initialize, with what the client left out or wrote in another form."""
    version = params.get("protocolVersion")
    client = params.get("clientInfo")
    if not isinstance(client, dict) or not isinstance(client.get("name"), str):
        client = {"name": "unknown", "version": "0"}
    client = {"name": client["name"], "version": client["version"] if isinstance(client.get("version"), str) else "0"}
    return {
        "protocolVersion": version if isinstance(version, str) and version else FIRST_VERSION,
        "capabilities": {},
        "clientInfo": client,
    }


def is_modern(version: str | None) -> bool:
    """Whether the version header leaves the eras of the handshake."""
    return version is not None and version.strip() not in HANDSHAKE


def failed(status: int, number: Any, code: int, message: str) -> Reply:
    """A JSON-RPC error."""
    return Reply(status, {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})


def unserved(version: str, raw: bytes) -> Reply | None:
    """The refusal of a revision that is not spoken, which names all that are; None for one that is."""
    if version in HANDSHAKE | MODERN:
        return None
    try:
        message = orjson.loads(raw)
    except ValueError:
        return failed(400, None, PARSE_ERROR, NO_JSON)
    number = message.get("id") if isinstance(message, dict) else None
    refused = failed(400, number if _is_id(number) else None, UNSUPPORTED_PROTOCOL_VERSION, "This revision of the protocol is not spoken.")
    assert refused.body is not None
    refused.body["error"]["data"] = {"supported": sorted(HANDSHAKE | MODERN), "requested": version}
    return refused


def _is_utf8(raw: bytes) -> bool:
    """Whether it may be JSON in UTF-8. In the wider encodings every second byte of it is NUL, which no JSON holds as it is."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in raw


def _is_id(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
