"""A whole working day of an assistant by tools alone, over each transport; every result matches the schema that is advertised."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.mcp.day import Day
from tests.mcp.people import LARGEST, Keeper
from tests.mcp.test_clients import connected, text_of
from tests.mcp.test_stdio import conversing, tool
from toolbox.catalog import ALL_TOOLS

Call = Callable[[str, dict[str, Any]], Awaitable[tuple[bool, Any]]]
"""Whether it succeeded, and its value, or the sentence that tells why not."""


@asynccontextmanager
async def over_http(keeper: Keeper) -> AsyncIterator[Call]:
    """Raw JSON-RPC, without a handshake."""
    advertised = {one["name"]: Draft202012Validator(one["outputSchema"]) for one in keeper.ask("tools/list")["result"]["tools"]}

    async def call(name: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
        answer = await asyncio.to_thread(keeper.ask, "tools/call", {"name": name, "arguments": arguments})
        result = answer["result"]
        text = result["content"][0]["text"]
        if result.get("isError"):
            return False, text
        assert json.loads(text) == result["structuredContent"]
        advertised[name].validate(result["structuredContent"])
        return True, result["structuredContent"]

    yield call


def by_the_client(mode: str) -> Callable[[Keeper], AbstractAsyncContextManager[Call]]:
    """The official client, in one of its modes."""

    @asynccontextmanager
    async def transport(keeper: Keeper) -> AsyncIterator[Call]:
        async with connected(keeper, mode) as client:
            advertised = {one.name: Draft202012Validator(one.output_schema or False) for one in (await client.list_tools()).tools}

            async def call(name: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
                result = await client.call_tool(name, arguments)
                if result.is_error:
                    return False, text_of(result)
                advertised[name].validate(result.structured_content)
                assert json.loads(text_of(result)) == result.structured_content
                return True, result.structured_content

            yield call

    return transport


@asynccontextmanager
async def over_stdio(keeper: Keeper) -> AsyncIterator[Call]:
    """The program, as an assistant on the same computer starts it. Its results have REST's shapes, and no schema is advertised."""
    with conversing(keeper) as ask:
        listed = ask({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})["result"]["tools"]
        assert all("outputSchema" not in one for one in listed)

        async def call(name: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
            result = (await asyncio.to_thread(ask, tool(name, name, **arguments)))["result"]
            text = result["content"][0]["text"]
            assert len(text.encode()) <= LARGEST
            return (False, text) if result.get("isError") else (True, json.loads(text))

        yield call


TRANSPORTS = {"http": over_http, "handshake": by_the_client("legacy"), "stateless": by_the_client("auto"), "stdio": over_stdio}


@pytest.mark.parametrize("transport", TRANSPORTS.values(), ids=TRANSPORTS.keys())
async def test_a_working_day(keeper: Keeper, transport: Callable[[Keeper], AbstractAsyncContextManager[Call]]) -> None:
    for note in keeper.call("list_notes")["notes"]:
        keeper.call("delete_note", note_id=note["id"])
    keeper.call("empty_recycle_bin")

    def upload(note_id: int) -> int:
        path = f"/api/v1/notes/{note_id}/attachments/"
        sent = keeper.http.post(path, files={"file": ("page.txt", b"words", "text/plain")}, headers=keeper.person.headers)
        number: int = sent.json()["id"]
        return number

    async with transport(keeper) as call:

        async def succeeding(name: str, **arguments: Any) -> Any:
            succeeded, value = await call(name, arguments)
            assert succeeded, (name, value)
            return value

        async def failing(name: str, **arguments: Any) -> str:
            succeeded, value = await call(name, arguments)
            assert not succeeded, (name, value)
            sentence: str = value
            return sentence

        day = Day(succeeding, failing, upload, keeper.person.username)
        await day.pass_by()
    assert day.used == {one.name for one in ALL_TOOLS}
