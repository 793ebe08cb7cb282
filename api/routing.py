"""What a route is, and how one is served: who may call, what is sent, what is answered."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Body, Path
from fastapi import Query as QueryParameter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.auth import ANONYMOUS_DETAIL, CallerRule
from api.bodies import ANONYMOUS_LIMIT, DEFAULT_LIMIT, LONG_BODY, read_body
from api.call import Call, answer
from api.costs import COSTS
from api.errors import Refusal, Unauthenticated
from api.fields import Model
from api.paths import query_parameters, segments
from api.presence import with_presence
from api.validation import validated
from commands.errors import Refused
from projections.reading import Query

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
Handler = Callable[[Call], Any]


class Problem(BaseModel):
    """A refusal for one reason."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"detail": ANONYMOUS_DETAIL}]})
    detail: str


class FieldProblems(BaseModel):
    """What is wrong, by field; `non_field_errors` when it is not one field's fault."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"title": ["This field is required."]}]})


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the route table.

    path: in the framework's notation, `/notes/{note_id:int}/`; with and without the last slash is the same route.
    handler: `async def` runs on the event loop, `def` in a thread; both take the Call.
    examples: request bodies by name. answer_example: what is answered.
    limit: bytes of the body at most; by default 1 MiB where nobody has to sign in, else 20 MiB.
    head: whether HEAD is served like GET.
    guard: refuses what the path alone decides, such as an unknown id. Asked when what was sent is wrong, so that the refusal
    with precedence is told; otherwise the handler finds out by itself, without another round trip.
    stream: the name of the stream that a command of this route changes, such as `note-{note_id}`; its version is then read
    while the caller is identified, so that the command need not read the stream if this process remembers it.
    foresees: what the command will ask of the read models, so that it is asked while the caller is identified; the handler finds the
    answer in `foreseen`, unless the caller had to be known before the body was read. May not refuse anything.
    cost: as how many requests it counts under the caller's limit; 0: what api/costs.py says.
    media: the type of what is answered, when that is no JSON.
    """

    method: Method
    path: str
    handler: Handler
    summary: str
    caller: CallerRule = "signed_in"
    body: type[Model] | None = None
    query: type[Model] | None = None
    answer: Any = None
    status: int = 200
    description: str = ""
    examples: Mapping[str, Any] = field(default_factory=dict)
    answer_example: Any = None
    tags: Sequence[str] = ()
    limit: int | None = None
    head: bool = True
    guard: Callable[[Call], Awaitable[None]] | None = None
    cost: int = 0
    stream: str = ""
    foresees: Callable[[Call], Query] | None = None
    media: str = ""


class ApiRoute(APIRoute):
    """A route in the framework's list, which documents it; requests reach it by its path table (see api/dispatch.py)."""

    def __init__(self, route: Route, prefix: str, area: str) -> None:
        self.declared = route
        self.cost = route.cost or COSTS.get(f"{route.method} {prefix}{route.path}", 1)
        super().__init__(
            prefix + route.path,
            _documented(route),
            methods=[route.method],
            response_model=route.answer,
            response_class=Response if route.media else JSONResponse,
            status_code=route.status,
            summary=route.summary,
            description=route.description or route.summary,
            tags=list(route.tags) or [area],
            responses=_responses(route),
            openapi_extra=_extra(route),
            operation_id=_operation(route, prefix),
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's hook, without its solving of dependencies: the Call has everything.

        Order of checks (accounts 2.1): who calls, then what was sent. Reads on the loop authenticate in the same round trip as
        their question, so that comes when they ask, and what runs in a thread is authenticated there, which spares the loop a
        wait; whatever refuses them before that waits until the caller is known. A long body is only read for a known caller.
        """
        route = self.declared
        handler = route.handler
        anybody = route.caller == "ignored"
        asynchronous = inspect.iscoroutinefunction(handler)
        later = not anybody and (not asynchronous or route.method == "GET")

        def known(call: Call) -> Any:
            if not anybody:
                call.identify_now()
            return handler(call)

        async def handle(request: Request) -> Response:
            call = Call(route, request)
            if not anybody and (not later or (route.body is not None and not call.is_short)):
                await call.identify()
            try:
                if not asynchronous and not anybody:
                    call.admit_nobody()
                await _read(call, request)
                result = await handler(call) if asynchronous else await call.in_thread(known, call)
            except (Refusal, Refused, HTTPException) as refusal:
                if later and call.caller is None and not isinstance(refusal, Unauthenticated):
                    await call.identify()
                raise
            finally:
                for file in call.sent.files:
                    file.file.close()
            if call.caller is None and not anybody:
                await call.identify()
            return with_presence(call, answer(call, result))

        return handle


async def _read(call: Call, request: Request) -> None:
    """Validates what was sent. What is wrong is only told when the route's guard lets the caller pass."""
    route = call.route
    try:
        if route.query is not None:
            call.query = validated(route.query, query_parameters(request.scope["query_string"]), form=True)
        if route.body is not None:
            limit = route.limit or (ANONYMOUS_LIMIT if route.caller in ("open", "ignored") else DEFAULT_LIMIT)
            call.sent = await read_body(request.scope, request.receive, limit)
            if len(call.sent.raw) >= LONG_BODY:
                call.body = await asyncio.to_thread(validated, route.body, call.sent.fields, form=call.sent.form)
            else:
                call.body = validated(route.body, call.sent.fields, form=call.sent.form)
    except Refusal:
        if route.guard is not None:
            await route.guard(call)
        raise


ERROR_TEXTS = {
    400: "A field is wrong, or the request cannot be carried out.",
    401: "No credentials, or bad ones.",
    403: "The caller may not do this.",
    404: "There is no such thing, or not for this caller.",
}
PARAMETER_TYPES: Mapping[str, Any] = {"int": int, "uuid": UUID, "path": str, "str": str}


def _documented(route: Route) -> Callable[..., Any]:
    """The handler under a signature that names its parameters, which is where the framework's documentation looks."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, keyword, annotation=Annotated[PARAMETER_TYPES[kind], Path()]) for kind, name in segments(route.path) if kind
    ]
    if route.query is not None:
        parameters.append(inspect.Parameter("query", keyword, annotation=Annotated[route.query, QueryParameter()]))
    if route.body is not None:
        parameters.append(inspect.Parameter("body", keyword, annotation=Annotated[route.body, Body()]))

    def documented() -> None:
        raise NotImplementedError

    documented.__name__ = route.handler.__name__
    documented.__doc__ = route.handler.__doc__
    documented.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return documented


def _operation(route: Route, prefix: str) -> str:
    words = [name or kind for kind, name in segments(route.path)]
    parts = [part for text in words for part in text.replace(".", "-").split("-")]
    return "_".join(filter(None, [route.method.lower(), "" if prefix else "site", *parts]))


def _responses(route: Route) -> dict[int | str, dict[str, Any]]:
    # A note that is private to somebody else is refused by a bare list (contract: notes 1.4).
    responses: dict[int | str, dict[str, Any]] = {"default": {"model": Problem | list[str], "description": "Any other refusal."}}
    statuses = [400] if route.body or route.query else []
    statuses += [401] if route.caller != "ignored" else []
    statuses += [403] if route.caller in ("staff", "session_only") else []
    statuses += [404] if "{" in route.path else []
    for status in statuses:
        responses[status] = {"model": FieldProblems | list[str] if status == 400 else Problem, "description": ERROR_TEXTS[status]}
    if route.media:
        text = {"schema": {"type": "string"}}
        responses[route.status] = {"content": {route.media: text}, "description": "Found."}
        # Outside of the API some refusals are plain sentences.
        responses.setdefault(404, {"model": Problem, "description": ERROR_TEXTS[404]})["content"] = {"text/plain": text}
    if route.answer_example is not None:
        responses[route.status] = {"content": {"application/json": {"example": route.answer_example}}}
    return responses


def _extra(route: Route) -> dict[str, Any]:
    schemes: list[dict[str, list[str]]] = [{"Token": []}]
    if route.caller != "session_only":
        schemes.append({"Bearer": []})
    if route.caller == "open":
        schemes.append({})
    extra: dict[str, Any] = {"security": [] if route.caller == "ignored" else schemes}
    if route.examples:
        examples = {name: {"value": value} for name, value in route.examples.items()}
        extra["requestBody"] = {"content": {"application/json": {"examples": examples}}}
    return extra
