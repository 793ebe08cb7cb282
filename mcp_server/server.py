"""The protocol's methods, put together on the official SDK."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import mcp_types as types
import structlog
from mcp.server import CacheHint, Server
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from eventstore.database import UNAVAILABLE
from mcp_server import prompts, resources, tools
from mcp_server.call import ToolCall
from mcp_server.callers import present
from mcp_server.dispatch import ToolDispatch, client_name
from mcp_server.listening import Listeners
from mcp_server.naming import NAME, TITLE, VERSION
from mcp_server.refusals import BROKEN, LATER
from toolbox.catalog import ALL_TOOLS, BY_NAME
from toolbox.manual import MANUAL, instructions
from wiring import Services

Context = ServerRequestContext[Any, Any]
READER = BY_NAME["get_profile"]
"""In whose name resources and prompts are read; reading leaves no trace."""
FIXED = CacheHint(ttl_ms=300_000, scope="public")
OWN = CacheHint(ttl_ms=0, scope="private")
log = structlog.get_logger("notechondria.mcp")


def build_server(services: Services, threads: Executor, listeners: Listeners) -> Server[Any]:
    """The server over these services."""
    tools.load()
    listed = types.ListToolsResult(tools=[types.Tool.model_validate(tool.listed()) for tool in ALL_TOOLS])

    def reading(ctx: Context, arguments: dict[str, Any]) -> ToolCall:
        assistant = present()
        return ToolCall(READER, arguments, assistant, services, threads, client_name(ctx, assistant))

    async def list_tools(ctx: Context, params: Any) -> types.ListToolsResult:
        return listed

    async def list_resources(ctx: Context, params: Any) -> types.ListResourcesResult:
        return await resources.list_resources(reading(ctx, {"cursor": params.cursor if params else None}))

    async def list_templates(ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
        return resources.list_templates()

    async def read_resource(ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        return await resources.read_resource(reading(ctx, {}), params.uri)

    async def list_prompts(ctx: Context, params: Any) -> types.ListPromptsResult:
        return prompts.list_prompts()

    async def get_prompt(ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        return await prompts.get_prompt(reading(ctx, {}), params.name, dict(params.arguments or {}))

    async def complete(ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        return await prompts.complete(reading(ctx, {}), params.ref, params.argument.name, params.argument.value)

    server: Server[Any] = Server(
        NAME,
        version=VERSION,
        title=TITLE,
        instructions=MANUAL,
        on_list_tools=list_tools,
        on_call_tool=ToolDispatch(services, threads),
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
        on_subscriptions_listen=listeners,
        get_tool_input_schema=lambda name: BY_NAME[name].input_schema if name in BY_NAME else None,
        cache_hints={
            "tools/list": FIXED,
            "prompts/list": FIXED,
            "resources/templates/list": FIXED,
            "resources/list": OWN,
            "resources/read": OWN,
            "server/discover": OWN,
        },
    )
    server.middleware += [_without_exceptions, _with_skill]
    security = RequestStateSecurity(keys=[b"mcp request state " + services.key])
    server.middleware.append(RequestStateBoundary(security, default_audience=NAME))
    return server


async def _without_exceptions(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Answers with a sentence where the SDK would hand out an exception's own text. Tools see to that themselves."""
    try:
        return await call_next(ctx)
    except (MCPError, ValidationError):
        raise
    except UNAVAILABLE as error:
        log.warning("database unavailable", error=type(error).__name__, method=ctx.method)
        raise MCPError(types.INTERNAL_ERROR, LATER) from None
    except Exception:
        request_id = present().request_id
        log.exception("method failed", method=ctx.method, request_id=request_id)
        raise MCPError(types.INTERNAL_ERROR, BROKEN.format(request_id=request_id)) from None


async def _with_skill(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Puts what the user tells assistants behind the manual."""
    result = await call_next(ctx)
    if ctx.method in ("initialize", "server/discover") and isinstance(result, dict) and present().skill.strip():
        result = {**result, "instructions": instructions(present().skill)}
    return result
