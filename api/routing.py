"""What a route is, and how one is served: who may call, what is sent, what is answered."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.auth import CallerRule
from api.bodies import ANONYMOUS_LIMIT, DEFAULT_LIMIT, LONG_BODY, read_body
from api.call import Call, answer
from api.costs import COSTS
from api.errors import Refusal, Unauthenticated
from api.fields import Model
from api.paths import query_parameters
from api.presence import with_presence
from api.validation import validated
from commands.errors import Refused
from projections.reading import Query

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
Handler = Callable[[Call], Any]


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
    asks_along: what the command will ask of the read models, so that it is asked while the caller is identified; the handler finds the
    answer in `asked_along`, unless the caller had to be known before the body was read. May not refuse anything.
    cost: as how many requests it counts under the caller's limit; 0: what api/costs.py says.
    media: the type of what is answered, when that is no JSON.
    answers: what else is answered, by status; None where there is no body. With a 412 an If-Match header counts, with a 206 a Range,
    with a 304 an If-None-Match.
    refusals: with what statuses the area refuses, where that does not follow from the rest: 403 follows from a guard, 404 from an id
    in the path.
    file: the part of a multipart body in which a file comes, where the handler reads the body by itself.
    elsewhere: whether the handler waits for a server elsewhere. It then runs in threads beside those of the commands, which nobody else's
    slowness may take up.
    once: whether an Idempotency-Key counts; it never does in reads, nor where nobody has to sign in.
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
    asks_along: Callable[[Call], Query] | None = None
    media: str = ""
    answers: Mapping[int, Any] = field(default_factory=dict)
    refusals: Sequence[int] = ()
    file: str = ""
    elsewhere: bool = False
    once: bool = True

    @property
    def keyed(self) -> bool:
        """Whether a repetition with the same Idempotency-Key gets the first answer."""
        return self.once and self.method != "GET" and self.caller not in ("open", "ignored")


class ApiRoute:
    """A route at its place; requests reach it by the path table (see api/dispatch.py), api/documented.py tells the framework of it."""

    def __init__(self, route: Route, prefix: str, area: str) -> None:
        self.declared = route
        self.prefix = prefix
        self.area = area
        self.path = prefix + route.path
        self.cost = route.cost or COSTS.get(f"{route.method} {prefix}{route.path}", 1)

    def handler(self) -> Callable[[Request], Awaitable[Response]]:
        """What serves a request.

        Order of checks (accounts 2.1): who calls, then what was sent. Reads on the loop authenticate in the same round trip as
        their question, so that comes when they ask, and what runs in a thread is authenticated there, which spares the loop a
        wait; whatever refuses them before that waits until the caller is known. A long body is only read for a known caller, who
        is asked for again once it is there.
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
            if call.caller is not None:
                await call.identify_again()
            if len(call.sent.raw) >= LONG_BODY:
                call.body = await asyncio.to_thread(validated, route.body, call.sent.fields, form=call.sent.form)
            else:
                call.body = validated(route.body, call.sent.fields, form=call.sent.form)
    except Refusal:
        if route.guard is not None:
            await route.guard(call)
        raise
