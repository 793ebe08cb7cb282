"""The interactive documentation. Nothing is loaded from elsewhere: Swagger UI comes as a package."""

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
The REST API of Notechondria: notes, courses, a planner, and the history of all of them.

Unless a route is open to everybody, requests carry `Authorization: Token <session key>` (from signing in) or
`Authorization: Bearer ntc_<key>` (an API key). To try routes here, press **Authorize** and enter either `Token <session key>`,
including the word `Token`, or the API key alone.
"""
AREAS = {
    "accounts": "Registration, passwords, API keys, Google and GitHub, erasure.",
    "activity": "Week, heat map and recently edited notes.",
    "attachments": "Files of notes.",
    "bin": "The recycle bin of notes.",
    "blocks": "A note's text, block by block.",
    "calendar_out": "Plans as iCalendar, under secret addresses.",
    "calendars": "Calendar feeds: imported and subscribed calendars.",
    "changes": "The list of changes, and undo.",
    "courses": "Courses, which the apps call categories, and following them.",
    "covers": "Cover images of notes.",
    "export": "Everything of an account as a ZIP.",
    "front_page": "The start page of the apps.",
    "history": "Versions of a note.",
    "media": "Stored files, by their unguessable address.",
    "note_sessions": "When somebody worked on a note.",
    "notes": "Notes: list, search, create, read, change, delete.",
    "planner": "Planner events, and the account's time zone.",
    "platform": "Handshake, health, readiness and metrics.",
    "recycle_bin": "The recycle bin of all kinds of things.",
    "samples": "The sample courses, for staff.",
    "sessions": "Signing in and out, and the list of sessions.",
    "settings": "Profile and settings of the caller.",
}
"""What the areas are for; one without an entry is listed by its name alone."""
SCHEMES = {
    "Token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "A session: the word `Token` and the key from signing in.",
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
    return [{"name": name} | ({"description": AREAS[name]} if name in AREAS else {}) for name in sorted(names)]
