"""The interactive documentation, served without a word from elsewhere: Swagger UI comes as a package."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import fastapi_offline
import orjson
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from api.documented import complete, documented
from api.routing import ApiRoute

ASSETS = "/docs/assets"
TITLE = "Notechondria"
DESCRIPTION = """\
Notes, courses, planner and history of Notechondria.

Every call but the open ones carries `Authorization: Token <session key>` (from signing in) or
`Authorization: Bearer ntc_<key>` (an API key from the settings). Press **Authorize** and enter either `Token <session key>`,
with its first word, or the API key alone.
"""
SCHEMES = {
    "Token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "A session: `Token` and the key from signing in.",
    },
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "ntc_ API key",
        "description": "An API key: `ntc_` and 32 hexadecimal digits.",
    },
}


def add_documentation(app: FastAPI, routes: Sequence[ApiRoute], version: str) -> None:
    """Serves /docs, its assets, and /openapi.json, which describes the routes."""

    @cache
    def openapi() -> dict[str, Any]:
        shown = list(map(documented, routes))
        described = get_openapi(title=TITLE, version=version, description=DESCRIPTION, routes=shown, tags=_tags(shown))
        described.setdefault("components", {})["securitySchemes"] = SCHEMES
        complete(described, routes, shown)
        return described

    @cache
    def rendered() -> bytes:
        return orjson.dumps(openapi())

    async def schema(_: Request) -> Response:
        # The first time takes a while.
        return Response(await asyncio.to_thread(rendered), media_type="application/json")

    async def page(_: Request) -> Response:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=f"{TITLE} API",
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
            swagger_ui_parameters={"persistAuthorization": False, "tagsSorter": "alpha"},
        )

    app.openapi = openapi  # type: ignore[method-assign]
    static = StaticFiles(directory=str(files(fastapi_offline) / "static"))
    app.router.routes.extend([Route("/openapi.json", schema), Mount(ASSETS, static), Route("/docs", page), Route("/docs/", page)])


def _tags(routes: Sequence[APIRoute]) -> list[dict[str, str]]:
    names = {str(tag) for route in routes for tag in route.tags}
    return [{"name": name} for name in sorted(names)]
