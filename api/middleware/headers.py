"""Headers of every answer: CORS for browser apps on other origins, and safe defaults (planner_platform 12.1, 12.4)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.origins import Origins

SHARED_PATHS = ("/api/", "/media/")
PRIVATE_PATHS = ("/api/", "/mcp")
SAFE_DEFAULTS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
NOT_KEPT = (b"cache-control", b"no-store")
"""What belongs to one account, down to the keys of its sessions, is left on no disk on the way."""
CORS = (
    (b"access-control-allow-methods", b"GET, POST, PATCH, PUT, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Accept, Origin, X-Requested-With, Idempotency-Key, If-Match, X-Request-ID",
    ),
    (b"access-control-expose-headers", b"ETag, Retry-After, RateLimit, RateLimit-Policy, X-Request-ID, Content-Disposition"),
)
VARY = (b"vary", b"Origin")
KEPT_PATH = "/media/"
"""Answers from here are kept by caches: what was kept when a page showed it shall not be taken for what a script may read."""
CREDENTIALS = (b"access-control-allow-credentials", b"true")
PREFLIGHT = ((b"content-length", b"0"),)
MAX_AGE = (b"access-control-max-age", b"86400")


class Headers:
    """Adds the headers. origins: who may read the answers of the API and media; all others get no word about it."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers preflights, and adds to everything else what it lacks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        shared = scope["path"].startswith(SHARED_PATHS)
        defaults = [*SAFE_DEFAULTS, NOT_KEPT] if scope["path"].startswith(PRIVATE_PATHS) else SAFE_DEFAULTS
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None) if shared else None

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                present = {name.lower() for name, _ in headers}
                headers.extend(pair for pair in defaults if pair[0] not in present)
                sharing = self._shared_with(origin) if origin is not None else []
                headers.extend(sharing)
                if sharing or scope["path"].startswith(KEPT_PATH):
                    headers.append(VARY)
            await send(message)

        if shared and scope["method"] == "OPTIONS":
            preflight = [*PREFLIGHT, MAX_AGE] if origin is not None and self._shared_with(origin) else list(PREFLIGHT)
            await send_with_headers({"type": "http.response.start", "status": 204, "headers": preflight})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send_with_headers)

    def _shared_with(self, origin: bytes) -> list[tuple[bytes, bytes]]:
        sharing = self._origins.sharing(origin.decode("latin-1"))
        if sharing == "no":
            return []
        headers = [(b"access-control-allow-origin", origin), *CORS]
        return [*headers, CREDENTIALS] if sharing == "with_credentials" else headers
