"""The front page (contract: planner_platform 9)."""

from __future__ import annotations

from api.call import Call
from api.routing import Route
from api.schemas.front_page import FrontPageOut
from projections.front_page import get_front_page


async def front_page(call: Call) -> bytes:
    """Courses and public notes, and for the caller the heat map and upcoming plans."""
    body: bytes = (await call.ask(get_front_page()))[0]
    return body


ROUTES = [
    Route(
        "GET",
        "/front-page/",
        front_page,
        "Read the front page",
        description="Six courses and the newest public notes; for signed-in callers also heat map and upcoming events.",
        caller="open",
        answer=FrontPageOut,
    )
]
