"""One request as its handler sees it, and the answers that handlers give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api.answers import finished
from api.auth import admit, presented
from api.bodies import Body
from api.threads import Threads
from commands.context import Context, Glimpse, readable
from eventstore.codec import stored_events
from projections.reading import ANONYMOUS, NOTHING, Caller, Credentials, Query, newest_version, versions_since
from wiring import Services

if TYPE_CHECKING:
    from api.routing import Route

T = TypeVar("T")

EMPTY = Body({})
SHORT_BODY = 64 * 1024
"""Bytes that are read before it is known whether the credentials are good."""
SHOWN_OF_KEY = 8
"""So much of an API key is remembered of who used it; the account sees the same as its prefix."""


class Call:
    """A request to a route. `path`, `query` and `body` are validated; `caller` is set once it was asked for."""

    __slots__ = (
        "asked_along",
        "body",
        "caller",
        "command",
        "credentials",
        "path",
        "query",
        "request",
        "route",
        "scope",
        "seen",
        "sent",
        "services",
    )

    def __init__(self, route: Route, request: Request) -> None:
        self.route = route
        self.request = request
        self.scope: Scope = request.scope
        self.services: Services = self.scope["app"].state.services
        self.path: dict[str, Any] = self.scope["path_params"]
        self.body: Any = None
        self.query: Any = None
        self.sent: Body = EMPTY
        """The body before validation."""
        self.caller: Caller | None = None
        self.seen: Mapping[str, Glimpse] = {}
        """The stream that the route is about, as it was when the caller was identified."""
        self.asked_along: tuple[Any, ...] | None = None
        """The answer to what the route asks along; None when the caller had to be identified without it."""
        self.command: Any = None
        """What the route has made of the body, where it needs that for what it asks along and once more."""
        self.credentials: Credentials = presented(self.header(b"authorization"))

    def header(self, name: bytes) -> str | None:
        """The first header of this name, which is given in lower case."""
        for key, value in self.scope["headers"]:
            if key == name:
                text: str = value.decode("latin-1")
                return text
        return None

    @property
    def origin(self) -> str:
        """Scheme and host that the client reached us under, without a slash at the end."""
        origin: str = self.scope["origin"]
        return origin

    @property
    def request_id(self) -> str:
        """Names the request in logs, errors and events."""
        request_id: str = self.scope["request_id"]
        return request_id

    @property
    def account_id(self) -> int:
        """The account of a caller who is signed in."""
        assert self.caller is not None
        assert self.caller.account_id is not None
        return self.caller.account_id

    @property
    def client_address(self) -> str:
        """The network address of the client, empty when unknown."""
        client = self.scope.get("client")
        return client[0] if client else ""

    async def ask(self, query: Query) -> tuple[Any, ...]:
        """Authenticates and answers in one round trip. Raises 401 and 403 as the route's rule says."""
        self.admit_nobody()
        caller, row = await self.services.reader.ask(query, self.credentials)
        self._admit(caller)
        return row

    def ask_now(self, query: Query) -> tuple[Any, ...]:
        """The same from a handler that runs in a thread."""
        self.admit_nobody()
        caller, row = self.services.reader.ask_now(query, self.credentials)
        self._admit(caller)
        return row

    async def identify(self) -> Caller:
        """Who calls, when nothing has to be asked. Raises 401 and 403 as the route's rule says."""
        if self.caller is not None:
            return self.caller
        if self.credentials.kind == "none":
            return self._admit(ANONYMOUS)
        return self._identified(*await self.services.reader.ask(self._question(), self.credentials))

    async def identify_again(self) -> Caller:
        """The same once what was sent has come: the credentials may have ended meanwhile."""
        self.caller = None
        return await self.identify()

    def identify_now(self) -> Caller:
        """As identify, from a thread. Asks along what the command will want to know first."""
        if self.caller is not None:
            return self.caller
        if self.credentials.kind == "none":
            return self._admit(ANONYMOUS)
        if self.route.asks_along is not None:
            caller, self.asked_along = self.services.reader.ask_now(self.route.asks_along(self), self.credentials)
            return self._admit(caller)
        return self._identified(*self.services.reader.ask_now(self._question(), self.credentials))

    def _question(self) -> Query:
        if not self.route.stream:
            return NOTHING
        stream = self.route.stream.format_map(self.path)
        known = self.services.commands.remembered(stream)
        return newest_version(stream) if known is None else versions_since(stream, known)

    def _identified(self, caller: Caller, row: tuple[Any, ...]) -> Caller:
        if self.route.stream:
            stream = self.route.stream.format_map(self.path)
            version, *missed = row
            self.seen = {stream: Glimpse(version, stored_events(stream, *missed) if any(missed) else ())}
        return self._admit(caller)

    @property
    def is_short(self) -> bool:
        """Whether the body is announced to be short enough to be read before it is known who sends it."""
        length = self.header(b"content-length")
        if length is None:
            return self.header(b"transfer-encoding") is None
        return length.isdecimal() and int(length) <= SHORT_BODY

    def admit_nobody(self) -> None:
        """Questions about the caller have no answer without one, so they are not even asked."""
        if self.credentials.kind == "none":
            self._admit(ANONYMOUS)

    def _admit(self, caller: Caller) -> Caller:
        admit(self.route.caller, caller)
        self.caller = caller
        # For the steps around the handler: limits and figures go by account.
        self.scope["caller"] = caller
        return caller

    def context(self) -> Context:
        """The circumstances for a command. The caller has been identified by then."""
        assert self.caller is not None, "identify the caller before a command"
        by_key = self.caller.kind == "api_key"
        return Context(
            actor=self.caller.account_id,
            channel="api_key" if by_key else "web",
            client=readable(self.header(b"user-agent")) if by_key else None,
            key=self.credentials.secret[:SHOWN_OF_KEY] if by_key else None,
            request_id=self.request_id,
            session=self.caller.session_id,
            expects=self.header(b"if-match"),
            seen=self.seen,
        )

    async def in_thread(self, work: Callable[..., T], *args: Any) -> T:
        """Runs blocking work, such as a command, off the event loop."""
        state = self.scope["app"].state
        threads: Threads = state.waiting if self.route.elsewhere else state.threads
        return await threads.run(work, *args)


def json_bytes(call: Call, text: str | bytes, status: int | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """The finished JSON as the answer, with the origin of media put in its places."""
    return finished(call.scope, text, status or call.route.status, headers)


def answer(call: Call, result: Any) -> Response:
    """What a handler returned, as a response: a response, finished JSON, a model, or something that can be dumped."""
    if isinstance(result, Response):
        return result
    if isinstance(result, (bytes, str)):
        return json_bytes(call, result)
    if isinstance(result, BaseModel):
        return json_bytes(call, result.model_dump_json())
    if result is None:
        return Response(status_code=call.route.status if call.route.status != 200 else 204)
    return json_bytes(call, orjson.dumps(result))
