"""The console's pages by address."""

from __future__ import annotations

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from api.console import entrance, log, people, things, workings
from api.console.visit import PATH_PREFIX, Page, Visit, served


def console_routes() -> list[BaseRoute]:
    """Everything below /admin/."""
    return [
        Route(PATH_PREFIX, _slash),
        Route("/favicon.ico", _icon),
        Mount(
            PATH_PREFIX,
            routes=[
                Mount("/static", StaticFiles(directory=str(files("api.console") / "static"))),
                _page("/login", entrance.show_login, "GET", anonymous=True),
                _page("/login", entrance.log_in, "POST", anonymous=True),
                _page("/logout", entrance.log_out, "POST"),
                _page("/", workings.overview, "GET"),
                _page("/accounts", people.list_accounts, "GET"),
                _page("/accounts/{id:int}", people.show_account, "GET"),
                _page("/accounts/{id:int}/act", people.change_account, "POST"),
                _page("/invitations", people.list_invitations, "GET"),
                _page("/invitations", people.create_invitation, "POST"),
                _page("/courses", things.list_courses, "GET"),
                _page("/events", log.list_events, "GET"),
                _page("/events/{position:int}", log.show_event, "GET"),
                _page("/streams/{stream}", log.show_stream, "GET"),
                _page("/projections", workings.list_projections, "GET"),
                _page("/projections/act", workings.ask_for, "POST"),
                _page("/jobs/{id:int}", workings.show_job, "GET"),
                _page("/feeds", things.list_feeds, "GET"),
                _page("/mails", things.list_mails, "GET"),
                _page("/mails/{id:int}/deliver", things.deliver_mail, "POST"),
                Route("/{rest:path}", served(_missing)),
            ],
        ),
    ]


def _page(path: str, page: Page, method: str, *, anonymous: bool = False) -> Route:
    return Route(path, served(page, anonymous=anonymous), methods=[method])


async def _slash(_: Request) -> Response:
    return RedirectResponse(PATH_PREFIX + "/", 308)


async def _icon(_: Request) -> Response:
    return RedirectResponse(f"{PATH_PREFIX}/static/icon.svg", 302, {"Cache-Control": "public, max-age=86400"})


def _missing(visit: Visit) -> Response:
    return visit.sentence(404, "Not found", "There is no such page.")
