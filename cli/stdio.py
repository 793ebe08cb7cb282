"""The tools over stdin and stdout, for assistants on this computer: one JSON-RPC message per line (contract: mcp 10)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import orjson

from cli.backend import Backend, BackendFailed
from cli.version import release
from toolbox.arguments import WrongArguments, read_arguments
from toolbox.catalog import ALL_TOOLS, BY_NAME
from toolbox.manual import instructions
from toolbox.markdown import NotApplicable
from toolbox.tool import Request, Tool

NAME = "notechondria-mcp-cli"
VERSION = "2025-03-26"
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602


class ToolFailed(Exception):
    """A call that came to nothing; the text says why."""


def serve_lines(backend: Backend, lines: Iterable[str], out: TextIO) -> None:
    """Answers each line in order, until there are no more."""
    for line in lines:
        if line.strip():
            reply = answer(backend, line)
            if reply is not None:
                out.write(json.dumps(reply, ensure_ascii=False) + "\n")
                out.flush()


def answer(backend: Backend, line: str) -> dict[str, Any] | None:
    """The reply to one message; None to a notification."""
    try:
        # Strict: what it takes can be sent on and written again, so neither lone surrogates nor endless nesting.
        message = orjson.loads(line)
    except ValueError:
        return _error(None, PARSE_ERROR, "Parse error: the line is not JSON.")
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        number = message.get("id") if isinstance(message, dict) else None
        return _error(number, INVALID_REQUEST, "Invalid request: a JSON object with a method is expected.")
    if message.get("id") is None:
        return None
    number, params = message["id"], message.get("params") or {}
    if isinstance(number, bool) or not isinstance(number, int | float | str):
        return _error(None, INVALID_REQUEST, "Invalid request: an id is a number or a string.")
    if not isinstance(params, dict):
        return _error(number, INVALID_PARAMS, "Invalid params: an object is expected.")
    match message["method"]:
        case "initialize":
            backend.client = _client_of(params)
            return _result(number, _introduction(backend))
        case "ping" | "notifications/initialized":
            return _result(number, {})
        case "tools/list":
            return _result(number, {"tools": [described(tool) for tool in ALL_TOOLS]})
        case "tools/call":
            return _called(backend, number, params)
    return _error(number, METHOD_NOT_FOUND, "There is no such method.")


def call_tool(backend: Backend, tool: Tool, sent: Any) -> Any:
    """The result of a tool, in REST's shapes. Raises ToolFailed."""
    if not isinstance(sent, dict):
        raise ToolFailed("arguments: must be an object.")
    try:
        arguments = read_arguments(tool, sent)
        backend.acts_for(tool.name)
        return backend.run(tool.exchange(arguments))
    except (WrongArguments, NotApplicable, BackendFailed) as error:
        raise ToolFailed(str(error)) from None


def described(tool: Tool) -> dict[str, Any]:
    """The tool as it is listed here: without the shape of results, which are REST's."""
    return {name: value for name, value in tool.listed().items() if name != "outputSchema"}


def _client_of(params: dict[str, Any]) -> str:
    about = params.get("clientInfo")
    name = about.get("name") if isinstance(about, dict) else None
    return name if isinstance(name, str) else ""


def _introduction(backend: Backend) -> dict[str, Any]:
    try:
        settings = backend.send(Request("GET", "settings/"))
        skill = settings.get("mcp_skill_md") or ""
    except (BackendFailed, AttributeError):
        skill = ""
    return {
        "protocolVersion": VERSION,
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": NAME, "version": release()},
        "instructions": instructions(skill if isinstance(skill, str) else ""),
    }


def _called(backend: Backend, number: Any, params: dict[str, Any]) -> dict[str, Any]:
    name = params.get("name")
    tool = BY_NAME.get(name) if isinstance(name, str) else None
    if tool is None:
        return _error(number, INVALID_PARAMS, f"unknown tool: {str(name)[:100]}")
    try:
        value = call_tool(backend, tool, params.get("arguments") or {})
    except ToolFailed as failed:
        return _result(number, {"content": [{"type": "text", "text": str(failed)}], "isError": True})
    return _result(number, {"content": [{"type": "text", "text": orjson.dumps(value).decode()}]})


def run_batch(backend: Backend, lines: Iterable[str]) -> Iterator[tuple[dict[str, Any], bool]]:
    """For each item its report, and whether its line was malformed."""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            item = orjson.loads(text)
        except ValueError as error:
            yield {"line": number, "ok": False, "error": f"invalid JSON: {str(error)[:200]}"}, True
            continue
        name = item.get("tool") if isinstance(item, dict) else None
        if not isinstance(name, str) or not name:
            yield {"line": number, "ok": False, "error": "missing 'tool'"}, True
            continue
        tool = BY_NAME.get(name)
        if tool is None:
            yield {"line": number, "tool": name, "ok": False, "error": f"unknown tool: {name}"}, False
            continue
        try:
            result = call_tool(backend, tool, item.get("arguments") or {})
        except ToolFailed as failed:
            yield {"line": number, "tool": name, "ok": False, "error": str(failed)}, False
        else:
            yield {"line": number, "tool": name, "ok": True, "result": result}, False


def _result(number: Any, result: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "result": result}


def _error(number: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}
