"""From tools/call to a handler and back: arguments checked, time bounded, refusals told, confirmation asked for (contract: mcp 5)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import mcp_types as types
import orjson
import structlog
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from commands.context import readable
from commands.errors import PreconditionFailed, Refused
from commands.handling import Repeated
from eventstore.database import UNAVAILABLE
from mcp_server.call import HANDLERS, Result, ToolCall
from mcp_server.callers import Assistant, present
from mcp_server.naming import MODERN, OLD_VERSIONS
from mcp_server.refusals import BROKEN, LATER, SLOW, ToolRefusal, sentence
from toolbox.arguments import WrongArguments, read_arguments
from toolbox.catalog import BY_NAME
from toolbox.markdown import NotApplicable
from toolbox.tool import Tool
from wiring import Services

TOOL_SECONDS = 25
CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
CONFIRM = "confirm"
REFUSED = "The user did not agree, so nothing was changed."
CHANGED = "This has changed since the user was asked, so nothing was done. Call the tool again: the user is asked about what is there now."
CARRIED_OUT = "This confirmation was used before: the change has been made already."
BEFORE_VERSION = ":"
"""Between the two parts of a request's state: what makes the confirmation take effect once, and the version that was asked about."""
NAMED = 10
"""Of so many things the question tells the titles."""

log = structlog.get_logger("notechondria.mcp")
Context = ServerRequestContext[Any, Any]
Answer = types.CallToolResult | types.InputRequiredResult | dict[str, Any]


class ToolDispatch:
    """Serves tools/call."""

    def __init__(self, services: Services, threads: Executor) -> None:
        self._services = services
        self._threads = threads

    async def __call__(self, ctx: Context, params: types.CallToolRequestParams) -> Any:
        """The result of one call. Raises MCPError for a tool that there is not."""
        tool = BY_NAME.get(params.name)
        if tool is None:
            code = types.METHOD_NOT_FOUND if ctx.protocol_version in OLD_VERSIONS else types.INVALID_PARAMS
            raise MCPError(code, "There is no such tool. tools/list lists them.")
        assistant = present()
        try:
            arguments = read_arguments(tool, params.arguments or {})
        except WrongArguments as wrong:
            return failure(str(wrong))
        call = ToolCall(tool, arguments, assistant, self._services, self._threads, client_name(ctx, assistant))
        modern = ctx.protocol_version in MODERN
        if modern and tool.confirms is not None and not call.dry_run and _can_ask(ctx):
            if params.request_state is None:
                return await self._ask_first(call, tool)
            if not _agreed(params.input_responses):
                return failure(REFUSED)
            nonce, bound, seen = params.request_state.partition(BEFORE_VERSION)
            call = replace(call, nonce=nonce, seen=seen if bound else None)
        await ctx.session.report_progress(0, 1)
        result = await self.carry_out(call)
        await ctx.session.report_progress(1, 1)
        return failure(result) if isinstance(result, str) else success(result, typed=modern)

    async def carry_out(self, call: ToolCall) -> Result | str:
        """The tool's result, or the sentence that tells why there is none."""
        try:
            async with asyncio.timeout(TOOL_SECONDS):
                result = await HANDLERS[call.tool.name](call)
        except (ToolRefusal, NotApplicable) as refusal:
            return str(refusal)
        except PreconditionFailed as refused:
            return CHANGED if call.seen is not None else sentence(refused)
        except Refused as refused:
            return sentence(refused)
        except Repeated:
            return CARRIED_OUT
        except TimeoutError:
            return SLOW
        except UNAVAILABLE as error:
            log.warning("database unavailable", error=type(error).__name__, tool=call.tool.name)
            return LATER
        except Exception:
            log.exception("tool failed", tool=call.tool.name, request_id=call.assistant.request_id)
            return BROKEN.format(request_id=call.assistant.request_id)
        return {**result, **call.noticed()}

    async def _ask_first(self, call: ToolCall, tool: Tool) -> Answer:
        """Lets the user decide. What is asked names what would go, so it is looked up first."""
        preview = await self.carry_out(replace(call, arguments={**call.arguments, "dry_run": True}))
        if isinstance(preview, str):
            return failure(preview)
        schema = {
            "type": "object",
            "properties": {"ok": {"type": "boolean", "title": "Yes, do it"}},
            "required": ["ok"],
        }
        request = types.ElicitRequest(params=types.ElicitRequestFormParams(message=_question(tool, preview), requested_schema=schema))
        return types.InputRequiredResult(input_requests={CONFIRM: request}, request_state=_state(preview))


def _question(tool: Tool, preview: Result) -> str:
    named = preview.get("titles", [preview[name] for name in ("title",) if name in preview])
    count = preview.get("would_delete")
    parts = [tool.confirms or "", *([] if count is None else [f"Notes: {count}."]), *(f"«{title}»" for title in named[:NAMED])]
    further = (len(named) if count is None else count) - len(named[:NAMED])
    return " ".join([*parts, *([f"and {further} more"] if further else [])])


def _state(preview: Result) -> str:
    """What the confirmation brings back, sealed. Of many things the user agrees to those that there were."""
    nonce = secrets.token_urlsafe(24)
    # An empty bin has no version, and must not have got one meanwhile.
    return f"{nonce}{BEFORE_VERSION}{preview.get('version', '')}" if "would_delete" in preview else nonce


def success(result: Result, *, typed: bool) -> types.CallToolResult | dict[str, Any]:
    """The result as text and as structure. Without isError where old clients expect none."""
    text = orjson.dumps(result).decode()
    if typed:
        return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=result)
    return {"content": [{"type": "text", "text": text}], "structuredContent": result}


def failure(text: str) -> types.CallToolResult:
    """A sentence that the assistant can act on."""
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


def client_name(ctx: Context, assistant: Assistant) -> str:
    """The client as it names itself in this request, else its program's name."""
    about = ((ctx.params or {}).get("_meta") or {}).get(CLIENT_INFO)
    name = assistant.agent
    if isinstance(about, Mapping) and isinstance(about.get("name"), str):
        name = " ".join(part for part in (about["name"], about.get("version")) if isinstance(part, str))
    return readable(name)


def _can_ask(ctx: Context) -> bool:
    """By a form, which a client that says nothing more about it can show as well."""
    capabilities = ctx.session.client_capabilities
    asking = capabilities.elicitation if capabilities is not None else None
    return asking is not None and (asking.form is not None or asking.url is None)


def _agreed(responses: Any) -> bool:
    answer = (responses or {}).get(CONFIRM)
    content = getattr(answer, "content", None) or {}
    return getattr(answer, "action", None) == "accept" and content.get("ok") is True
