"""What the service says about itself, none of it from the database but readiness (contract: planner_platform 10)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from starlette.responses import Response

from api.answers import json_response
from api.call import Call
from api.middleware.hosts import within
from api.routing import Route
from api.schemas.platform import BuildOut, FollowerOut, HandshakeOut, PingOut, ReadyOut, ServiceOut, StatusOut, StorageOut
from commands.errors import NotFound
from metrics import exposition, gauge
from settings import Settings

LONGEST_COMMIT = 40

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
    settings = call.services.settings
    version = settings.backend_version or product_version()
    return HandshakeOut(
        service="notechondria-backend",
        api_version="v1",
        version=version,
        capabilities=CAPABILITIES,
        build=BuildOut(
            version=version,
            commit=settings.build_commit[:LONGEST_COMMIT],
            build_time=settings.build_time,
            deploy_target=settings.deploy_target,
        ),
        min_frontend_version=settings.min_frontend_version,
        storage=_storage(settings),
    )


def _storage(settings: Settings) -> StorageOut:
    if settings.cloudflare_r2_bucket_name is not None:
        return StorageOut(backend="cloudflare-r2", label="Cloudflare R2")
    if settings.attachments_url is not None and not settings.attachments_url.startswith(("/", "file:")):
        return StorageOut(backend="object-storage", label="Object storage")
    return StorageOut(backend="local-disk", label="Local disk")


async def health(call: Call) -> bytes:
    """The process answers; nothing is said about the database."""
    return b'{"status":"ok"}'


async def root(call: Call) -> bytes:
    """The process answers, and says what it is."""
    return b'{"status":"ok","service":"notechondria-backend"}'


async def ping(call: Call) -> PingOut:
    """The process answers, at this time by its clock."""
    return PingOut(timestamp=datetime.now(UTC).isoformat())


async def ready(call: Call) -> Response:
    """200 while requests can be answered, else 503; and how everything is that follows the log."""
    found = await call.services.health()
    followers = [
        FollowerOut(name=f.name, kind=f.kind, lag=f.lag, silent_s=round(f.silent_s, 1), parked=f.parked, alive=f.alive)
        for f in found.followers
    ]
    told = ReadyOut(
        status="ok" if found.ready else "unavailable", well=found.well, database=found.database, head=found.head, followers=followers
    )
    return json_response(200 if found.ready else 503, told.model_dump(), None if found.ready else {"Retry-After": "2"})


async def metrics(call: Call) -> Response:
    """Figures for Prometheus. Only for the networks of the settings, for everybody else it is not there."""
    settings = call.services.settings
    if "*" not in settings.metrics_allowed and not within(call.client_address, settings.metrics_allowed):
        raise NotFound("page")
    found = await call.services.health()
    following = [follower for follower in found.followers if follower.kind != "inline"]
    snapshot = [
        gauge("database_up", "Whether the database answers", [({}, float(found.database))]),
        gauge("log_head", "Newest position of the log", [({}, found.head)]),
        gauge("follower_lag", "Positions behind the head", [({"follower": f.name, "kind": f.kind}, f.lag) for f in following]),
        gauge(
            "follower_silent_seconds",
            "Since the last sign of life",
            [({"follower": f.name, "kind": f.kind}, f.silent_s) for f in following],
        ),
        gauge("parked_streams", "Streams that wait because of an error", [({"follower": f.name}, f.parked) for f in following]),
        gauge("mails_waiting", "Mails that are not delivered yet", [({}, found.mails)]),
        gauge("oldest_mail_seconds", "Age of the oldest of them", [({}, found.oldest_mail_s)]),
    ]
    return Response(exposition(settings.metrics_folder, snapshot), media_type="text/plain; version=0.0.4; charset=utf-8")


def _handshake(path: str) -> Route:
    return Route(
        "GET",
        path,
        handshake,
        "Identify the service",
        caller="ignored",
        answer=HandshakeOut,
        description="Apps call this before they accept a server's address.",
        head=False,
    )


def _health(path: str, summary: str) -> Route:
    return Route("GET", path, health, summary, caller="ignored", answer=StatusOut)


ROUTES = [
    _handshake("/handshake/"),
    _health("/health/", "Check that the process is alive"),
    Route("GET", "/ping/", ping, "Ping", caller="ignored", answer=PingOut, head=False),
    Route("GET", "/ready/", ready, "Check that requests can be answered", caller="ignored", answer=ReadyOut, answers={503: ReadyOut}),
]

SITE_ROUTES = [
    Route("GET", "/", root, "Name the service", caller="ignored", answer=ServiceOut),
    _handshake("/handshake/"),
    _health("/api/health/", "Check that the process is alive (alias)"),
    Route("GET", "/metrics", metrics, "Read metrics for Prometheus", caller="ignored", media="text/plain"),
]
