"""What the service says about itself, none of it from the database but readiness (contract: planner_platform 10)."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from api.call import Call
from api.routing import Route
from api.schemas.platform import HandshakeOut, ServiceOut, StatusOut

CAPABILITIES = {
    "auth": 1,
    "notes": 1,
    "courses": 1,
    "planner": 1,
    "calendar_feeds": 1,
    "attachments": 1,
    "mcp": 1,
}


@lru_cache(maxsize=1)
def product_version() -> str:
    """The installed release, 0.0.0 when it runs without being installed."""
    try:
        return version("notechondria")
    except PackageNotFoundError:
        return "0.0.0"


async def handshake(call: Call) -> HandshakeOut:
    """Tells an app that this is the right kind of server."""
    return HandshakeOut(service="notechondria-backend", api_version="v1", version=product_version(), capabilities=CAPABILITIES)


async def health(call: Call) -> bytes:
    """The process answers; nothing is said about the database."""
    return b'{"status":"ok"}'


async def root(call: Call) -> bytes:
    """The process answers, and says what it is."""
    return b'{"status":"ok","service":"notechondria-backend"}'


def _handshake(path: str) -> Route:
    return Route(
        "GET",
        path,
        handshake,
        "Recognise the service",
        caller="ignored",
        answer=HandshakeOut,
        description="Apps call this before they adopt a server's address.",
        head=False,
    )


def _health(path: str, summary: str) -> Route:
    return Route("GET", path, health, summary, caller="ignored", answer=StatusOut)


ROUTES = [
    _handshake("/handshake/"),
    _health("/health/", "Is the process alive"),
    _health("/ping/", "Shortest possible answer"),
]

SITE_ROUTES = [
    Route("GET", "/", root, "Name the service", caller="ignored", answer=ServiceOut),
    _handshake("/handshake/"),
    _health("/api/health/", "Is the process alive (alias)"),
]
