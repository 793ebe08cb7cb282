"""The endpoint by the contract's lines (mcp 2 to 5 and 13), over raw HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.mcp.people import Keeper

PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_both_paths_answer_without_a_redirect(keeper: Keeper, path: str) -> None:
    response = keeper.http.post(path, json=PING, headers=keeper.headers)
    assert (response.status_code, response.json()) == (200, {"jsonrpc": "2.0", "id": 7, "result": {}})


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer nope", "bearer ntc_{key}", "Token {token}", "Bearer ntc_" + "0" * 32, "Bearer  {key}", "Basic {key}"],
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_without_a_good_key_nobody_is_let_in(keeper: Keeper, method: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.format(key=keeper.key, token=keeper.person.token)}
    response = keeper.http.request(method, "/mcp/", json=PING, headers=headers)
    assert response.status_code == 401
    assert list(response.json()) == ["detail"]
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_rotated_key_is_dead_at_once(keeper: Keeper) -> None:
    assert keeper.post(PING).status_code == 200
    old = keeper.headers
    fresh = keeper.rest("POST", "auth/rotate-api-key/")
    assert fresh["mcp_endpoint"].endswith("/mcp/")
    assert keeper.http.post("/mcp/", json=PING, headers=old).status_code == 401
    assert keeper.http.post("/mcp/", json=PING, headers={"Authorization": f"Bearer {fresh['api_key']}"}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_media_types_are_415(keeper: Keeper, kind: str) -> None:
    response = keeper.http.post("/mcp/", content=json.dumps(PING), headers={**keeper.headers, "Content-Type": kind})
    assert response.status_code == 415


@pytest.mark.parametrize(
    "kind",
    ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json", "application/json-rpc", "text/json"],
)
def test_every_media_type_with_json_in_it_is_served(keeper: Keeper, kind: str) -> None:
    response = keeper.http.post("/mcp/", content=json.dumps(PING), headers={**keeper.headers, "Content-Type": kind})
    assert (response.status_code, response.json()["result"]) == (200, {})
    body = {"name": "get_profile", "arguments": {}}
    called = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": body}
    answer = keeper.http.post("/mcp/", content=json.dumps(called), headers={**keeper.headers, "Content-Type": kind})
    assert answer.json()["result"]["structuredContent"]["username"] == keeper.person.username


@pytest.mark.parametrize(
    ("body", "code", "number"),
    [
        ("{", -32700, None),
        ("", -32700, None),
        ('{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}', -32700, None),
        ("[" * 100_000, -32700, None),
        (f'{{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {{"a": {"[" * 260 + "]" * 260}}}}}', -32600, 5),
        ("[]", -32600, None),
        (json.dumps([PING]), -32600, None),
        ("7", -32600, None),
        ('{"id": 5, "method": "ping"}', -32600, 5),
        ('{"jsonrpc": "1.0", "id": "x", "method": "ping"}', -32600, "x"),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600, None),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600, None),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600, None),
        ('{"jsonrpc": "2.0", "id": 3}', -32600, 3),
        ('{"jsonrpc": "2.0", "id": 3, "method": 5}', -32600, 3),
    ],
)
def test_malformed_messages_are_400_with_a_json_rpc_error(keeper: Keeper, body: str, code: int, number: Any) -> None:
    response = keeper.http.post("/mcp/", content=body, headers={**keeper.headers, "Content-Type": "application/json"})
    assert response.status_code == 400
    answer = response.json()
    assert (answer["jsonrpc"], answer["id"], answer["error"]["code"]) == ("2.0", number, code)


@pytest.mark.parametrize("params", [[], "x", 5, True])
def test_params_that_are_no_object_are_invalid_params(keeper: Keeper, params: Any) -> None:
    assert keeper.ask("tools/list", params)["error"]["code"] == -32602


def test_a_long_body_is_413(keeper: Keeper) -> None:
    response = keeper.post({**PING, "params": {"x": "y" * (4 * 1024 * 1024)}})
    assert response.status_code == 413


@pytest.mark.parametrize("accept", [None, "application/json", "text/html", "*/*"])
def test_any_accept_gets_json(keeper: Keeper, accept: str | None) -> None:
    request = keeper.http.build_request("POST", "/mcp/", json=PING, headers=keeper.headers)
    del request.headers["accept"]
    if accept:
        request.headers["accept"] = accept
    response = keeper.http.send(request)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")


def test_session_ids_are_echoed_or_made(keeper: Keeper) -> None:
    assert keeper.post(PING, **{"Mcp-Session-Id": "my session"}).headers["mcp-session-id"] == "my session"
    one, two = (keeper.post(PING).headers["mcp-session-id"] for _ in range(2))
    assert len(one) == len(two) == 36
    assert one != two
    assert (
        "mcp-session-id"
        not in keeper.http.post("/mcp/", content="{", headers={**keeper.headers, "Content-Type": "application/json"}).headers
    )


def test_get_is_405_and_delete_ends_a_session(keeper: Keeper) -> None:
    get = keeper.http.get("/mcp/", headers=keeper.headers)
    assert (get.status_code, get.headers["allow"]) == (405, "POST, DELETE")
    delete = keeper.http.delete("/mcp/", headers=keeper.headers)
    assert (delete.status_code, list(delete.json())) == (200, ["detail"])
    for method in ("PUT", "PATCH"):
        assert keeper.http.request(method, "/mcp/", headers=keeper.headers).status_code == 405
    modern = {**keeper.headers, "MCP-Protocol-Version": "2026-07-28"}
    assert keeper.http.get("/mcp/", headers=modern).status_code == 405
    assert keeper.http.delete("/mcp/", headers=modern).headers["allow"] == "POST"


def test_foreign_pages_are_refused(keeper: Keeper) -> None:
    assert keeper.post(PING, Origin="https://evil.example").status_code == 403
    assert keeper.post(PING, Origin=str(keeper.http.base_url).rstrip("/")).status_code == 200


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (None, "2025-03-26"),
        ("2024-11-05", "2024-11-05"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ],
)
def test_initialize_settles_the_version(keeper: Keeper, asked: str | None, told: str) -> None:
    params = None if asked is None else {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    result = keeper.ask("initialize", params)["result"]
    assert result["protocolVersion"] == told
    assert result["serverInfo"]["name"] == "notechondria-mcp"
    assert result["serverInfo"]["version"] == "0.1.0"
    assert result["capabilities"]["tools"] == {"listChanged": False}
    assert {"resources", "prompts", "completions"} <= set(result["capabilities"])
    assert "Notechondria" in result["instructions"]


@pytest.mark.parametrize("params", [{}, {"clientInfo": 5}, {"protocolVersion": 5, "capabilities": []}, {"clientInfo": {"name": "x"}}])
def test_initialize_takes_anything(keeper: Keeper, params: Any) -> None:
    assert keeper.ask("initialize", params)["result"]["protocolVersion"] == "2025-03-26"


def test_instructions_end_with_the_users_own_words(keeper: Keeper) -> None:
    assert keeper.rest("GET", "settings/")["mcp_skill_md"] == ""
    changed = keeper.rest("PATCH", "settings/", {"mcp_skill_md": "  Answer in rhymes.  "})
    assert changed["mcp_skill_md"] == changed["app_settings"]["mcp_skill_md"] == "  Answer in rhymes.  "
    told = keeper.ask("initialize")["result"]["instructions"]
    assert told.endswith("\n\n## User skill.md\n\nAnswer in rhymes.")
    keeper.rest("PATCH", "settings/", {"mcp_skill_md": ""})
    assert "User skill" not in keeper.ask("initialize")["result"]["instructions"]


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "notifications/whatever"])
def test_notifications_are_202_without_a_body(keeper: Keeper, method: str) -> None:
    response = keeper.post({"jsonrpc": "2.0", "method": method})
    assert (response.status_code, response.content) == (202, b"")


def test_initialized_with_an_id_is_answered(keeper: Keeper) -> None:
    assert keeper.ask("notifications/initialized")["result"] == {}


def test_ids_come_back_unchanged(keeper: Keeper) -> None:
    for number in (0, -4, 2**53, "seven", ""):
        assert keeper.post({**PING, "id": number}).json()["id"] == number


def test_unknown_methods_and_tools(keeper: Keeper) -> None:
    assert keeper.ask("no/such")["error"]["code"] == -32601
    unknown = {"name": "no_such_tool", "arguments": {}}
    assert keeper.ask("tools/call", unknown)["error"]["code"] == -32601
    assert keeper.ask("tools/call", unknown, **{"MCP-Protocol-Version": "2025-03-26"})["error"]["code"] == -32601
    assert keeper.ask("tools/call", unknown, **{"MCP-Protocol-Version": "2025-06-18"})["error"]["code"] == -32602


@pytest.mark.parametrize("version", ["1999-01-01", "1.0", ""])
def test_an_unsupported_version_is_400_and_tells_the_supported_ones(keeper: Keeper, version: str) -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {}}
    for message in (PING, {**PING, "params": {"_meta": meta}}):
        response = keeper.post(message, **{"MCP-Protocol-Version": version})
        assert response.status_code == 400
        told = response.json()
        assert (told["id"], told["error"]["code"]) == (PING["id"], -32022)
        assert told["error"]["data"]["requested"] == version
        assert {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} <= set(told["error"]["data"]["supported"])


def test_a_success_has_one_text_with_the_structure_and_no_error_flag(keeper: Keeper) -> None:
    result = keeper.ask("tools/call", {"name": "get_profile"})["result"]
    assert set(result) == {"content", "structuredContent"}
    (content,) = result["content"]
    assert content["type"] == "text"
    assert json.loads(content["text"]) == result["structuredContent"]
    assert result["structuredContent"]["username"] == keeper.person.username


def test_the_log_names_tool_client_and_key(keeper: Keeper) -> None:
    keeper.post(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_note", "arguments": {"title": "By whom"}}},
        **{"User-Agent": "Scribe/2.1"},
    )
    change = keeper.rest("GET", "changes/")["results"][0]
    assert (change["channel"], change["client"], change["key"]) == ("mcp:create_note", "Scribe/2.1", keeper.key[:8])


def test_use_of_the_key_is_remembered(keeper: Keeper) -> None:
    # It is noted once the answer has been sent, so a question right behind it may come too early.
    keeper.call("get_profile")
    for _ in range(200):
        if keeper.rest("GET", "settings/")["api_key_last_used_at"] is not None:
            return
        time.sleep(0.05)
    pytest.fail("the use of the key was not noted")


def test_a_key_that_ends_while_the_body_comes_is_refused(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_server.door.SURE_S", 0.0)
    body = json.dumps(PING).encode()

    def slowly() -> Iterator[bytes]:
        yield body[:5]
        assert keeper.http.post("/api/v1/auth/rotate-api-key/", headers=keeper.person.headers).is_success
        yield body[5:]

    answer = keeper.http.post("/mcp/", content=slowly(), headers={**keeper.headers, "Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
