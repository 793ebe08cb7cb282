"""Puts the REST door together: routes, documentation, middleware, and the services behind them."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route as Mounted
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

import api.routes
from api.buckets import Buckets
from api.console.app import console_routes
from api.dispatch import Dispatch
from api.docs import TITLE, add_documentation
from api.errors import route_error
from api.further import FurtherDoor
from api.middleware.headers import Headers
from api.middleware.hosts import Hosts
from api.middleware.limits import Limits
from api.middleware.patience import Patience
from api.middleware.requests import RequestLog
from api.origins import Origins
from api.routes.platform import product_version
from api.routing import ApiRoute, Route
from api.threads import Threads
from eventstore.allowances import Allowances
from settings import Settings
from wiring import FURTHER_DOORS, Services, build_services

PREFIX = "/api/v1"
MEASURE_EVERY_S = 5.0
THREADS = 4
"""Commands at a time in one process. They share the interpreter with the loop. Measured with 16 callers: two take a twentieth longer
than four; with six the slowest hundredth of writes takes a quarter longer, at the same rate."""
WAITING_THREADS = 8
"""Sign-ins at a time in one process that wait for what another server says."""


class Door(FastAPI):
    """The application. Its own short chain of plain ASGI steps takes the place of the framework's stack."""

    def __init__(self, services: Services, routes: Iterable[ApiRoute]) -> None:
        super().__init__(
            title=TITLE,
            lifespan=_lifespan,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            # api.middleware.tracing tells of requests; this would look for its own settings anew with each of them.
            telemetry={"tracing": False, "metrics": False, "logs": False},
        )
        self.state.services = services
        self.state.buckets = Buckets(Allowances(services.loop_pool).spend)
        self.router.default = _no_route
        self.further = [FurtherDoor(name, services) for name in FURTHER_DOORS]
        for door, paths in zip(self.further, FURTHER_DOORS.values(), strict=True):
            self.router.routes.extend(Mounted(path, endpoint=door, include_in_schema=False) for path in paths)
        self.api_routes = list(routes)
        """Not among the router's own routes: what the path table does not find, the router shall not find either."""
        self.router.routes.extend(console_routes())
        add_documentation(self, self.api_routes, product_version())

    async def end_streams(self) -> None:
        """Ends answers that would go on for as long as their clients listen, so that the process can stop."""
        for door in self.further:
            await door.end_streams()

    def build_middleware_stack(self) -> ASGIApp:
        """Log, headers, time, host, limits, dispatch; errors are answered inside, so that they get all the headers as well."""
        services: Services = self.state.services
        settings = services.settings
        innermost: ASGIApp = Dispatch(self.api_routes, self.router)
        if settings.rate_limits:
            innermost = Limits(innermost, self.state.buckets, settings, services.key)
        hosts = Hosts(
            innermost,
            allowed=settings.allowed_hosts,
            own=settings.own_hosts,
            proxies=settings.trusted_proxies,
            public_origin=settings.public_origin,
        )
        apps = (*settings.trusted_origins, *filter(None, (settings.frontend_origin,)))
        origins = Origins((*settings.allowed_hosts, *settings.own_hosts), apps)
        chain: ASGIApp = Headers(Patience(hosts, settings.request_seconds), origins)
        if settings.otel_endpoint is not None:
            # Only who sends traces waits for it to load.
            from api.middleware.tracing import Tracing

            chain = Tracing(chain)
        return RequestLog(chain)


@asynccontextmanager
async def _lifespan(app: Door) -> AsyncIterator[None]:
    services: Services = app.state.services
    try:
        # Ends before the services close: commands that nobody waits for any more are carried out whole.
        with Threads(THREADS, "command", services.thread_pool.keeping) as threads, Threads(WAITING_THREADS, "waiting") as waiting:
            app.state.threads, app.state.waiting = threads, waiting
            await services.open()
            measuring = asyncio.create_task(_measure(services))
            try:
                async with AsyncExitStack() as further:
                    for door in app.further:
                        await further.enter_async_context(door.lifespan())
                    yield
            finally:
                measuring.cancel()
                await app.state.buckets.close()
    finally:
        await services.close()


async def _measure(services: Services) -> None:
    while True:
        services.measure()
        await asyncio.sleep(MEASURE_EVERY_S)


async def _no_route(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
    else:
        await route_error(404, scope)(scope, receive, send)


def area_routes() -> list[ApiRoute]:
    """The routes of all areas: of each module in api/routes its ROUTES under the prefix and its SITE_ROUTES as they are."""
    mounted: list[ApiRoute] = []
    for module in sorted(pkgutil.iter_modules(api.routes.__path__), key=lambda found: found.name):
        area = importlib.import_module(f"api.routes.{module.name}")
        mounted += mount(getattr(area, "ROUTES", []), PREFIX, module.name)
        mounted += mount(getattr(area, "SITE_ROUTES", []), "", module.name)
    return mounted


def mount(routes: Iterable[Route], prefix: str, area: str) -> list[ApiRoute]:
    """The routes under a prefix, at their places."""
    return [ApiRoute(route, prefix, area) for route in routes]


def create_app(settings: Settings) -> FastAPI:
    """The application over the configured database, for the server processes."""
    return Door(build_services(settings), area_routes())
