"""The table of the contract's section 13, row by row, over raw HTTP: where an older contract and the specification pull apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.mcp.people import Keeper

MODERN = "2026-07-28"
HANDSHAKES = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
}
PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
BOTH = "application/json, text/event-stream"


@dataclass(frozen=True)
class Row:
    """What is sent, and what has to come back. say: the row's point, and which case of it."""

    say: str
    body: Any = None
    method: str = "POST"
    headers: dict[str, str | None] = field(default_factory=dict)
    """None takes a usual header away."""
    status: int = 200
    holds: Callable[[httpx.Response], object] = lambda response: True

    def __str__(self) -> str:
        return self.say


def request(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


def modern(method: str, routed: str = "", /, **params: Any) -> dict[str, Any]:
    """Body and headers of a modern request."""
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, "Accept": BOTH} | ({"Mcp-Name": routed} if routed else {})
    return {"body": request(method, **params, _meta=META), "headers": headers}


def version(told: str) -> Callable[[httpx.Response], object]:
    return lambda response: response.json()["result"]["protocolVersion"] == told


def code(number: int, identifier: Any = 7) -> Callable[[httpx.Response], object]:
    return lambda response: (response.json()["error"]["code"], response.json()["id"]) == (number, identifier)


def kind(wanted: str) -> Callable[[httpx.Response], object]:
    return lambda response: response.headers["content-type"].startswith(wanted)


def session(response: httpx.Response) -> str | None:
    found: str | None = response.headers.get("mcp-session-id")
    return found


def result(response: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json()["result"]
    return found


def initialize(asked: str) -> dict[str, Any]:
    return request("initialize", protocolVersion=asked, capabilities={}, clientInfo={"name": "raw", "version": "1"})


PROFILE = request("tools/call", name="get_profile", arguments={})
UNKNOWN = request("tools/call", name="no_such_tool", arguments={})
PROGRESS = request("tools/call", name="get_profile", arguments={}, _meta={"progressToken": "p"})
NEW_ERA: dict[str, str | None] = {"MCP-Protocol-Version": MODERN}
LISTED = modern("tools/list")
PLAIN: dict[str, str | None] = {"Content-Type": "text/plain"}


def only_detail(response: httpx.Response) -> bool:
    return list(response.json()) == ["detail"]


def challenged(response: httpx.Response) -> bool:
    return only_detail(response) and response.headers["www-authenticate"] == "Bearer"


def post_only(response: httpx.Response) -> bool:
    return bool(response.headers["allow"] == "POST")


def unnamed(response: httpx.Response) -> bool:
    return session(response) is None


def empty(response: httpx.Response) -> bool:
    return not response.content


ROWS = (
    Row("version: none asked for", request("initialize"), holds=version("2025-03-26")),
    *(Row(f"version: {asked} is echoed", initialize(asked), holds=version(asked)) for asked in HANDSHAKES),
    Row("version: an unsupported one", initialize("1999-01-01"), holds=version("2025-11-25")),
    Row("version: the modern one by a handshake", initialize(MODERN), holds=version("2025-11-25")),
    Row("initialize without params", {"jsonrpc": "2.0", "id": 7, "method": "initialize"}, holds=version("2025-03-26")),
    Row("Accept: missing", PROFILE, headers={"Accept": None}, holds=kind("application/json")),
    Row("Accept: JSON only", PROFILE, headers={"Accept": "application/json"}, holds=kind("application/json")),
    Row("Accept: both, no progress asked for", PROFILE, headers={"Accept": BOTH}, holds=kind("application/json")),
    Row("Accept: JSON only, progress asked for", PROGRESS, headers={"Accept": "application/json"}, holds=kind("application/json")),
    Row("Accept: both, progress asked for", PROGRESS, headers={"Accept": BOTH}, holds=kind("text/event-stream")),
    Row("session: none sent, one is made", PING, holds=lambda response: len(session(response) or "") == 36),
    Row("session: any is echoed", PING, headers={"Mcp-Session-Id": "any at all"}, holds=lambda response: session(response) == "any at all"),
    Row("session: no handshake is needed", PROFILE),
    Row("session: none in the modern era", **modern("server/discover"), holds=unnamed),
    Row("session: not echoed in the modern era", LISTED["body"],
        headers={**LISTED["headers"], "Mcp-Session-Id": "x"}, holds=unnamed),
    Row("GET of the handshake era", method="GET", status=405, holds=lambda response: "POST" in response.headers["allow"]),
    Row("DELETE of the handshake era", method="DELETE", holds=only_detail),
    Row("GET of the modern era", headers=NEW_ERA, method="GET", status=405, holds=post_only),
    Row("DELETE of the modern era", headers=NEW_ERA, method="DELETE", status=405, holds=post_only),
    Row("media type: text", PING, headers=PLAIN, status=415, holds=only_detail),
    Row("media type: none", PING, headers={"Content-Type": None}, status=415),
    Row("media type: text, modern era", LISTED["body"], headers=LISTED["headers"] | PLAIN, status=415),
    Row("media type: JSON with a charset", PING, headers={"Content-Type": "application/json; charset=utf-8"}),
    Row("jsonrpc: missing", {"id": 7, "method": "ping"}, status=400, holds=code(-32600)),
    Row("jsonrpc: missing, and no id", {"method": "ping"}, status=400, holds=code(-32600, None)),
    Row("batch", [PING, PING], status=400, holds=code(-32600, None)),
    Row("batch: empty", [], status=400, holds=code(-32600, None)),
    Row("batch in the revision that had it", [PING], headers={"MCP-Protocol-Version": "2025-03-26"}, status=400, holds=code(-32600, None)),
    Row("unknown tool: no version", UNKNOWN, holds=code(-32601)),
    Row("unknown tool: 2024-11-05", UNKNOWN, headers={"MCP-Protocol-Version": "2024-11-05"}, holds=code(-32601)),
    Row("unknown tool: 2025-03-26", UNKNOWN, headers={"MCP-Protocol-Version": "2025-03-26"}, holds=code(-32601)),
    Row("unknown tool: 2025-06-18", UNKNOWN, headers={"MCP-Protocol-Version": "2025-06-18"}, holds=code(-32602)),
    Row("unknown tool: 2025-11-25", UNKNOWN, headers={"MCP-Protocol-Version": "2025-11-25"}, holds=code(-32602)),
    Row("unknown tool: modern", **modern("tools/call", "no_such_tool", name="no_such_tool", arguments={}), status=400, holds=code(-32602)),
    Row("isError on success: absent after a handshake", PROFILE, holds=lambda response: "isError" not in result(response)),
    Row("isError on success: false in the modern era", **modern("tools/call", "get_profile", name="get_profile", arguments={}),
        holds=lambda response: result(response)["isError"] is False),
    Row("notifications/initialized", INITIALIZED, status=202, holds=empty),
    Row("401: no key", PING, headers={"Authorization": None}, status=401,
        holds=challenged),
    Row("401: modern era", LISTED["body"], headers={**LISTED["headers"], "Authorization": "Bearer ntc_0"}, status=401,
        holds=challenged),
    Row("capabilities: after a handshake", request("initialize"),
        holds=lambda response: set(result(response)["capabilities"]) >= {"tools", "resources", "prompts", "completions"}),
    Row("capabilities: modern era", **modern("server/discover"),
        holds=lambda response: set(result(response)["capabilities"]) >= {"tools", "resources", "prompts", "completions"}),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_row_holds(keeper: Keeper, row: Row) -> None:
    sent = keeper.http.build_request(row.method, "/mcp/", headers=keeper.headers)
    if row.body is not None:
        sent = keeper.http.build_request(row.method, "/mcp/", content=json.dumps(row.body), headers=keeper.headers)
        sent.headers["Content-Type"] = "application/json"
    for name, value in row.headers.items():
        if value is None:
            sent.headers.pop(name, None)
        else:
            sent.headers[name] = value
    response = keeper.http.send(sent)
    assert response.status_code == row.status, response.text
    assert row.holds(response), response.text


def test_null_and_absent_arguments_differ(keeper: Keeper) -> None:
    """The table's last row: raw arguments are kept."""
    course = keeper.call("create_course", title="Filed", icon=0xE3C9)
    note = keeper.call("create_note", title="Filed", course_id=course["id"])
    assert keeper.call("update_note", note_id=note["id"], title="Still filed")["course_id"] == course["id"]
    assert keeper.call("update_note", note_id=note["id"], course_id=None)["course_id"] != course["id"]
    assert keeper.call("update_course", course_id=course["id"], title="Still marked")["icon"] == 0xE3C9
    assert keeper.call("update_course", course_id=course["id"], icon=None)["icon"] is None
    event = keeper.call("create_event", title="x", event_date="2031-05-06", course_id=course["id"])
    assert keeper.call("update_event", event_id=event["id"], title="y")["course_id"] == course["id"]
    assert keeper.call("update_event", event_id=event["id"], course_id=None)["course_id"] is None
