"""The official client in both eras: tools, resources, prompts, completion, confirmation, change notices (contract: mcp 12)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from mcp_server.messages import NO_JSON, NO_UTF8
from tests.mcp.people import Keeper

MODES = ["auto", "legacy"]


@asynccontextmanager
async def connected(keeper: Keeper, mode: Any = "auto", **options: Any) -> AsyncIterator[Client]:
    """The official client, with this keeper's key."""
    async with (
        httpx2.AsyncClient(headers=keeper.headers, timeout=30) as http,
        Client(streamable_http_client(keeper.url, http_client=http), mode=mode, **options) as client,
    ):
        yield client


def text_of(result: Any) -> str:
    text: str = result.content[0].text
    return text


@pytest.mark.parametrize("mode", MODES)
async def test_tools_work_in_both_eras(keeper: Keeper, mode: str) -> None:
    async with connected(keeper, mode) as client:
        listed = await client.list_tools()
        assert len(listed.tools) == 50
        made = await client.call_tool("create_note", {"title": "By the client", "content": "words"})
        assert made.structured_content is not None
        assert made.structured_content["title"] == "By the client"
        assert json.loads(text_of(made)) == made.structured_content
        failed = await client.call_tool("get_note", {"note_id": 10**9})
        assert failed.is_error
        assert "no such note" in text_of(failed)
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("no_such_tool", {})
        assert unknown.value.code == -32602


@pytest.mark.parametrize("mode", MODES)
async def test_the_client_names_itself_in_the_log(keeper: Keeper, mode: str) -> None:
    async with connected(keeper, mode, client_info=types.Implementation(name="Scribe", version="3")) as client:
        await client.call_tool("create_note", {"title": "By whom"})
    change = keeper.call("list_changes", limit=1)["changes"][0]
    assert change["channel"] == "mcp:create_note"
    if mode == "auto":
        assert change["client"] == "Scribe 3"
    else:
        assert change["client"].startswith("python-httpx2")


@pytest.mark.parametrize("mode", MODES)
async def test_resources_are_listed_in_pages_and_read(keeper: Keeper, other: Keeper, mode: str) -> None:
    note = keeper.call("create_note", title="Cells", content="They divide.", description="Biology")
    version = keeper.call("snapshot_note", note_id=note["id"])["version_id"]
    course = keeper.call("create_course", title="Biology")
    path = f"/api/v1/notes/{note['id']}/attachments/"
    files = [("a.txt", b"plain \xc3\xbc", "text/plain"), ("b.png", bytes.fromhex("89504e470d0a1a0a0000000d49484452"), "image/png")]
    sent = [keeper.http.post(path, files={"file": file}, headers=keeper.person.headers).json()["id"] for file in files]
    for number in range(105):
        keeper.rest("POST", "notes/", {"title": f"Note {number}"})
    base = f"notechondria://notes/{note['id']}"
    async with connected(keeper, mode) as client:
        page = await client.list_resources()
        seen = [resource.uri for resource in page.resources]
        assert seen[:4] == [f"notechondria://{name}" for name in ("profile", "courses", "heatmap", "skill")]
        assert page.next_cursor is not None
        rest = await client.list_resources(cursor=page.next_cursor)
        assert rest.next_cursor is None
        uris = [*seen[4:], *(resource.uri for resource in rest.resources)]
        assert len(uris) == len(set(uris)) == keeper.call("list_notes")["total"]
        assert base in uris
        with pytest.raises(MCPError) as wrong:
            await client.list_resources(cursor="nonsense")
        assert wrong.value.code == -32602
        templates = await client.list_resource_templates()
        assert "notechondria://notes/{note_id}" in [template.uri_template for template in templates.resource_templates]

        async def read(uri: str) -> Any:
            (content,) = (await client.read_resource(uri)).contents
            return content

        assert (await read(base)).text == "# Cells\n\nThey divide."
        assert (await read(base)).mime_type == "text/markdown"
        assert json.loads((await read(f"{base}/metadata")).text)["description"] == "Biology"
        assert (await read(f"{base}/versions/{version}")).text == "# Cells\n\nThey divide."
        assert (await read(f"{base}/attachments/{sent[0]}")).text == "plain ü"
        assert (await read(f"{base}/attachments/{sent[1]}")).blob
        assert json.loads((await read(f"notechondria://courses/{course['id']}")).text)["title"] == "Biology"
        assert json.loads((await read("notechondria://week/2031-05-05")).text)["start_date"] == "2031-05-05"
        assert json.loads((await read("notechondria://profile")).text)["username"] == keeper.person.username
        assert len(json.loads((await read("notechondria://heatmap")).text)["cells"]) == 365
        assert (await read("notechondria://skill")).text
        assert json.loads((await read("notechondria://courses")).text)["courses"]
    async with connected(other, mode) as client:
        for uri in (
            base, f"{base}/metadata", f"{base}/versions/{version}", f"{base}/attachments/{sent[0]}", "notechondria://notes/../profile",
            "notechondria://nothing", "file:///etc/passwd", "notechondria://week/2031-13-01", "notechondria://notes/" + "9" * 19,
            "notechondria://week/9999-12-31", "notechondria://week/0001-01-05",
        ):  # fmt: skip
            with pytest.raises(MCPError) as missing:
                await client.read_resource(uri)
            assert missing.value.code == -32602
            assert missing.value.error.data == {"uri": uri}


@pytest.mark.parametrize("mode", MODES)
async def test_prompts_and_completion(keeper: Keeper, mode: str) -> None:
    note = keeper.call("create_note", title="Mitosis", content="They divide.")
    review_note = keeper.call("create_note", title="2026 review")
    course = keeper.call("create_course", title="Genetics")
    files = f"/api/v1/notes/{note['id']}/attachments/"
    file = keeper.http.post(files, files={"file": ("cell.bin", bytes(50))}, headers=keeper.person.headers).json()["id"]
    async with connected(keeper, mode) as client:
        names = [prompt.name for prompt in (await client.list_prompts()).prompts]
        assert names == ["weekly_review", "plan_syllabus", "capture_note", "summarize_note", "study_session", "tidy_inbox"]
        summary = await client.get_prompt("summarize_note", {"note_id": str(note["id"])})
        embedded: Any = summary.messages[1].content
        assert embedded.resource.text == "# Mitosis\n\nThey divide."
        review = await client.get_prompt("weekly_review", {})
        assert len(review.messages) == 3
        assert "list_events with include_completed" in str(review.messages[0].content)
        syllabus: Any = (
            (await client.get_prompt("plan_syllabus", {"course_id": str(course["id"]), "text": "Week 1 {x}"})).messages[0].content
        )
        assert "Week 1 {x}" in syllabus.text
        for name, arguments in (("no_such_prompt", {}), ("summarize_note", {}), ("summarize_note", {"note_id": "999999999"})):
            with pytest.raises(MCPError) as wrong:
                await client.get_prompt(name, arguments)
            assert wrong.value.code == -32602
        for place in (f"{note['id']}/metadata", f"{note['id']}/attachments/{file}", f"{note['id']}/versions/1"):
            with pytest.raises(MCPError) as wrong:
                await client.get_prompt("summarize_note", {"note_id": place})
            assert wrong.value.code == -32602
        about = types.PromptReference(name="summarize_note")
        by_title = await client.complete(about, {"name": "note_id", "value": "mito"})
        assert by_title.completion.values == [str(note["id"])]
        by_number = await client.complete(about, {"name": "note_id", "value": str(note["id"])})
        assert str(note["id"]) in by_number.completion.values
        assert (await client.complete(about, {"name": "note_id", "value": "\0"})).completion.values == []
        by_year = await client.complete(about, {"name": "note_id", "value": "2026"})
        assert str(review_note["id"]) in by_year.completion.values
        courses = await client.complete(types.PromptReference(name="capture_note"), {"name": "course_id", "value": "gene"})
        assert courses.completion.values == [str(course["id"])]
        days = await client.complete(types.PromptReference(name="weekly_review"), {"name": "start_date", "value": ""})
        assert all(date.fromisoformat(day).weekday() == 0 for day in days.completion.values)
        nothing = await client.complete(about, {"name": "other", "value": ""})
        assert nothing.completion.values == []
        for elsewhere in ("summarize_note", "capture_note"):
            other_name = "course_id" if elsewhere == "summarize_note" else "note_id"
            values = await client.complete(types.PromptReference(name=elsewhere), {"name": other_name, "value": ""})
            assert values.completion.values == []
        template = types.ResourceTemplateReference(uri="notechondria://notes/{note_id}")
        assert (await client.complete(template, {"name": "note_id", "value": "mito"})).completion.values == [str(note["id"])]
        for unknown in (types.PromptReference(name="no_such_prompt"), types.ResourceTemplateReference(uri="notechondria://x/{note_id}")):
            with pytest.raises(MCPError) as wrong:
                await client.complete(unknown, {"name": "note_id", "value": ""})
            assert wrong.value.code == -32602


async def confirming(answer: str, content: Any, asked: list[str]) -> Any:
    async def callback(context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action=answer, content=content)

    return callback


@pytest.mark.parametrize(
    ("action", "content", "emptied"),
    [("accept", {"ok": True}, True), ("accept", {"ok": False}, False), ("decline", None, False), ("cancel", None, False)],
)
async def test_emptying_the_bin_is_confirmed_where_the_client_can(keeper: Keeper, action: str, content: Any, emptied: bool) -> None:
    note = keeper.call("create_note", title="Doomed")
    keeper.call("delete_note", note_id=note["id"])
    asked: list[str] = []
    async with connected(keeper, elicitation_callback=await confirming(action, content, asked)) as client:
        result = await client.call_tool("empty_recycle_bin", {})
    assert len(asked) == 1
    assert "Doomed" in asked[0]
    assert bool(result.is_error) is not emptied
    assert len(keeper.call("list_deleted_notes")["deleted_notes"]) == (0 if emptied else 1)


def modern(
    keeper: Keeper, method: str, params: dict[str, Any], name: str = "", elicitation: dict[str, Any] | None = None, encoding: str = "utf-8"
) -> Any:
    """A raw request of the modern era, by a client that can ask its user."""
    about = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": elicitation or {}},
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    }
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method} | ({"Mcp-Name": name} if name else {})
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": about}}
    sent = {**keeper.headers, **headers, "Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    return keeper.http.post("/mcp/", content=json.dumps(message).encode(encoding), headers=sent)


@pytest.mark.parametrize(
    ("elicitation", "asked"), [({}, True), ({"form": {}}, True), ({"form": {}, "url": {}}, True), ({"url": {}}, False)]
)
def test_only_clients_that_can_show_forms_are_asked(keeper: Keeper, elicitation: dict[str, Any], asked: bool) -> None:
    call = {"name": "empty_recycle_bin", "arguments": {}}
    result = modern(keeper, "tools/call", call, "empty_recycle_bin", elicitation).json()["result"]
    assert (result["resultType"] == "input_required") is asked


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("topic", ["\ud800", "whole"])
def test_other_encodings_than_utf8_are_refused(keeper: Keeper, topic: str, encoding: str) -> None:
    get = {"name": "capture_note", "arguments": {"topic": topic}}
    response = modern(keeper, "prompts/get", get, "capture_note", encoding=encoding)
    assert (response.status_code, response.json()["error"]) == (400, {"code": -32700, "message": NO_UTF8})
    message = {"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": get}
    sent = {**keeper.headers, "Content-Type": "application/json"}
    response = keeper.http.post("/mcp/", content=json.dumps(message).encode(encoding), headers=sent)
    assert (response.status_code, response.json()["error"]) == (400, {"code": -32700, "message": NO_UTF8})


@pytest.mark.parametrize("topic", ["\ud800", "\U0001f600"])
def test_half_characters_are_no_json(keeper: Keeper, topic: str) -> None:
    """Whole ones may be escaped."""
    for response in (
        modern(keeper, "prompts/get", {"name": "capture_note", "arguments": {"topic": topic}}, "capture_note"),
        modern(keeper, "tools/call", {"name": "create_note", "arguments": {"title": topic}}, "create_note"),
    ):
        if topic.isprintable():
            assert topic in str(response.json()["result"])
        else:
            assert (response.status_code, response.json()["error"]) == (400, {"code": -32700, "message": NO_JSON})


def test_a_confirmation_holds_for_one_account_one_call_and_once(keeper: Keeper, other: Keeper) -> None:
    for who in (keeper, other):
        for _ in range(2):
            who.call("delete_note", note_id=who.call("create_note", title="Doomed")["id"])
    empty = {"name": "empty_recycle_bin", "arguments": {}}
    agreed = {"confirm": {"action": "accept", "content": {"ok": True}}}

    unasked = modern(keeper, "tools/call", {**empty, "inputResponses": agreed}, "empty_recycle_bin").json()["result"]
    assert unasked["resultType"] == "input_required"
    state = unasked["requestState"]
    assert "Doomed" in unasked["inputRequests"]["confirm"]["params"]["message"]
    answered = {"inputResponses": agreed, "requestState": state}
    stolen = modern(other, "tools/call", {**empty, **answered}, "empty_recycle_bin")
    assert (stolen.status_code, stolen.json()["error"]["code"]) == (400, -32602)
    event = keeper.call("create_event", title="Kept", event_date="2031-05-06")["id"]
    elsewhere = modern(keeper, "tools/call", {"name": "delete_event", "arguments": {"event_id": event}, **answered}, "delete_event")
    assert elsewhere.status_code == 400
    forged = modern(keeper, "tools/call", {**empty, **answered, "requestState": state[:-4] + "AAAA"}, "empty_recycle_bin")
    assert forged.status_code == 400
    assert len(other.call("list_deleted_notes")["deleted_notes"]) == 2

    done = modern(keeper, "tools/call", {**empty, **answered}, "empty_recycle_bin").json()["result"]
    assert done["structuredContent"] == {"deleted_count": 2}
    keeper.call("delete_note", note_id=keeper.call("create_note", title="Later")["id"])
    again = modern(keeper, "tools/call", {**empty, **answered}, "empty_recycle_bin").json()["result"]
    assert again["isError"] is True
    assert "used before" in again["content"][0]["text"]
    assert len(keeper.call("list_deleted_notes")["deleted_notes"]) == 1


def test_only_what_the_user_was_asked_about_is_deleted_for_good(keeper: Keeper) -> None:
    def bin_note(title: str) -> None:
        keeper.call("delete_note", note_id=keeper.call("create_note", title=title)["id"])

    def send(**more: Any) -> Any:
        params = {"name": "empty_recycle_bin", "arguments": {"expected_version": "*"} if "any" in more else {}}
        params |= {"inputResponses": {"confirm": {"action": "accept", "content": {"ok": True}}}}
        return modern(keeper, "tools/call", params | {k: v for k, v in more.items() if k != "any"}, "empty_recycle_bin").json()["result"]

    for given in ({}, {"any": True}):
        asked = send(**given)
        assert "Notes: 0." in asked["inputRequests"]["confirm"]["params"]["message"]
        bin_note("Unseen")
        refused = send(requestState=asked["requestState"], **given)
        assert (refused["isError"], "has changed since the user was asked" in refused["content"][0]["text"]) == (True, True)
        keeper.call("empty_recycle_bin")
    for number in range(14):
        bin_note(f"Note {number}")
    asked = send()
    question = asked["inputRequests"]["confirm"]["params"]["message"]
    assert ("Notes: 14." in question, question.count("«"), question.endswith("and 4 more")) == (True, 10, True)
    bin_note("Unseen")
    assert send(requestState=asked["requestState"])["isError"] is True
    assert len(keeper.call("list_deleted_notes")["deleted_notes"]) == 15
    assert send(requestState=send()["requestState"])["structuredContent"] == {"deleted_count": 15}


def test_the_modern_era_knows_no_sessions_and_tells_how_long_answers_keep(keeper: Keeper) -> None:
    keeper.rest("PATCH", "settings/", {"app_settings": {"mcp_skill_md": "Be brief."}})
    discovered = modern(keeper, "server/discover", {})
    assert discovered.status_code == 200
    assert "mcp-session-id" not in discovered.headers
    result = discovered.json()["result"]
    assert "2026-07-28" in result["supportedVersions"]
    assert result["instructions"].endswith("Be brief.")
    assert result["cacheScope"] == "private"
    assert result["resultType"] == "complete"
    listed = modern(keeper, "tools/list", {}).json()["result"]
    assert (listed["cacheScope"], listed["ttlMs"] > 0, len(listed["tools"])) == ("public", True, 50)
    profile = modern(keeper, "tools/call", {"name": "get_profile", "arguments": {}}, "get_profile").json()["result"]
    assert (profile["resultType"], profile["isError"]) == ("complete", False)
    unknown = modern(keeper, "tools/call", {"name": "nope", "arguments": {}}, "nope")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, -32602)
    mismatch = modern(keeper, "tools/call", {"name": "get_profile", "arguments": {}}, "get_note")
    assert (mismatch.status_code, mismatch.json()["error"]["code"]) == (400, -32020)


def test_progress_is_streamed_to_those_who_ask_for_it(keeper: Keeper) -> None:
    message = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "get_profile", "arguments": {}, "_meta": {"progressToken": "p"}},
    }  # fmt: skip
    streamed = keeper.post(message, Accept="application/json, text/event-stream")
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert '"notifications/progress"' in streamed.text
    assert keeper.post(message, Accept="application/json").headers["content-type"].startswith("application/json")


async def test_notices_reach_the_account_and_nobody_else(keeper: Keeper, other: Keeper) -> None:
    note = keeper.call("create_note", title="Watched")
    uri = f"notechondria://notes/{note['id']}"
    heard: list[Any] = []
    overheard: list[Any] = []

    async def listen(who: Keeper, into: list[Any], ready: asyncio.Event) -> None:
        async with connected(who) as client, client.listen(resource_subscriptions=[uri], resources_list_changed=True) as stream:
            ready.set()
            async for event in stream:
                into.append(event)  # noqa: PERF401 - each as it comes

    ready = [asyncio.Event(), asyncio.Event()]
    tasks = [asyncio.create_task(listen(keeper, heard, ready[0])), asyncio.create_task(listen(other, overheard, ready[1]))]
    try:
        await asyncio.wait_for(asyncio.gather(*(one.wait() for one in ready)), 20)
        # Written by another door of the same server, as another worker would: only the log tells of it.
        await asyncio.to_thread(keeper.rest, "PATCH", f"notes/{note['id']}/", {"content": "new"})
        await asyncio.to_thread(keeper.call, "create_note", title="Another")
        for _ in range(200):
            if len({type(event) for event in heard}) == 2:
                break
            await asyncio.sleep(0.05)
        assert {type(event).__name__ for event in heard} == {"ResourceUpdated", "ResourcesListChanged"}
        assert {event.uri for event in heard if hasattr(event, "uri")} == {uri}
        assert overheard == []
        # The key is gone: so is the stream that it opened.
        await asyncio.to_thread(keeper.rest, "POST", "auth/rotate-api-key/")
        await asyncio.wait_for(asyncio.gather(tasks[0], return_exceptions=True), 20)
        assert not tasks[1].done()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "null", '"x"', "[" * 50_000, '{"jsonrpc": "2.0"}', '{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}',
        '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "\\ud800"}}', '{"jsonrpc": "2.0", "id": {}, "method": 5}',
        '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}', '{"jsonrpc": "2.0", "method": "notifications/nothing"}',
        '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_note", "arguments": {"note_id": 1e400}, "_meta": 5}}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", ["2026-07-28", "2099-01-01", "ü", ""])
def test_no_body_of_the_modern_era_breaks_the_server(keeper: Keeper, body: str, version: str) -> None:
    headers = {
        **keeper.headers, "Content-Type": "application/json", "Mcp-Method": "tools/call", "Mcp-Name": "get_note",
        "Accept": "application/json, text/event-stream",
    }  # fmt: skip
    pairs = [*((name.encode(), value.encode()) for name, value in headers.items()), (b"MCP-Protocol-Version", version.encode("latin-1"))]
    response = keeper.http.post("/mcp/", content=body, headers=pairs)
    assert response.status_code < 500, response.text
    assert "Traceback" not in response.text


async def test_a_plan_is_noticed_by_who_listens_to_a_week(keeper: Keeper) -> None:
    uri = "notechondria://week/2031-05-05"
    async with connected(keeper) as client, client.listen(resource_subscriptions=[uri]) as stream:
        await asyncio.to_thread(keeper.rest, "POST", "planner-events/", {"title": "Plan", "event_date": "2031-05-06"})
        event: Any = await asyncio.wait_for(anext(aiter(stream)), 20)
    assert event.uri == uri
