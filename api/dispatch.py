"""From a path to its route and from errors to answers: the innermost step, past all middleware."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import ANONYMOUS_DETAIL, admit, presented
from api.errors import MethodNotAllowed, Unauthenticated, respond_to
from api.middleware.headers import SHARED_PATHS
from api.paths import PathTable
from api.routing import ApiRoute

Target = tuple[ApiRoute, Callable[[Request], Awaitable[Response]]]


class Dispatch:
    """Serves the API's routes from one path table; everything else (documentation, mounts) goes to the framework's router.

    The framework tries its routes one after the other, which costs more than all the rest of a read.
    """

    def __init__(self, routes: Iterable[ApiRoute], others: ASGIApp) -> None:
        self._others = others
        self._table: PathTable[Target] = PathTable()
        for route in routes:
            self._table.add(route.declared.method, route.path, (route, route.handler()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the request, whatever happens while it is handled."""
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        watched = _Watched(send)
        try:
            found = self._table.find(scope["path"])
            if found is None:
                await self._others(scope, receive, watched)
                return
            methods, values = found
            target = methods.get(scope["method"]) or _as_get(methods, scope["method"])
            if target is None:
                await _refuse_method(methods, scope)
                return
            (route, handle), names = target
            scope["path_params"] = dict(zip(names, values, strict=True))
            scope["route"] = route
            if route.cost > 1 and "limit" in scope:
                await scope["limit"].charge(route.cost - 1)
            response = await handle(Request(scope, receive, watched))
            await response(scope, receive, watched)
        except Exception as error:
            response = respond_to(error, scope)
            if watched.started:
                raise
            await response(scope, receive, send)


class _Watched:
    """Knows whether an answer has begun: after that an error can only cut the connection."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        self.started = True
        await self._send(message)


def _as_get(methods: Mapping[str, tuple[Target, tuple[str, ...]]], method: str) -> tuple[Target, tuple[str, ...]] | None:
    target = methods.get("GET") if method == "HEAD" else None
    return target if target and target[0][0].declared.head else None


async def _refuse_method(methods: Mapping[str, tuple[Target, tuple[str, ...]]], scope: Scope) -> None:
    """Authentication and permission come before the method (accounts 2.1)."""
    routes = [route.declared for (route, _), _ in methods.values()]
    rules = [route.caller for route in routes if route.caller != "ignored"]
    if rules:
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        caller = await scope["app"].state.services.reader.identify(presented(header.decode("latin-1")))
        if caller.account_id is None:
            if any(rule != "open" for rule in rules):
                raise Unauthenticated(ANONYMOUS_DETAIL)
        elif len(set(rules)) == 1:
            admit(rules[0], caller)
    allowed = set(methods)
    if _as_get(methods, "HEAD"):
        allowed.add("HEAD")
    if scope["path"].startswith(SHARED_PATHS):
        allowed.add("OPTIONS")
    raise MethodNotAllowed(scope["method"], sorted(allowed))
