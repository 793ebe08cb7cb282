"""The interactive documentation, served without a word from elsewhere: Swagger UI comes as a package."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

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
    described: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not described:
            described.update(get_openapi(title=TITLE, version=version, description=DESCRIPTION, routes=routes, tags=_tags(routes)))
            described.setdefault("components", {})["securitySchemes"] = SCHEMES
        return described

    async def schema(_: Request) -> Response:
        return JSONResponse(openapi())

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


def _tags(routes: Sequence[ApiRoute]) -> list[dict[str, str]]:
    names = {str(tag) for route in routes for tag in route.tags}
    return [{"name": name} for name in sorted(names)]
