"""How long a request may take: an upload has to keep coming, and an answer has to begin in time (planner_platform 14.1)."""

from __future__ import annotations

import asyncio

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import json_response
from api.middleware.requests import shown_path

LONGEST_UPLOAD_S = 900.0
log = structlog.get_logger("notechondria.limits")


class Patience:
    """Ends requests that take too long before their answer begins. seconds: between two pieces of the body, and after the last."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request; 408 when its body stops coming, 503 when its answer does not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        uploaded = answered = False

        async def receive_in_time() -> Message:
            nonlocal uploaded
            message = await receive()
            if message["type"] == "http.request":
                uploaded = not message.get("more_body", False)
                if not answered:
                    latest = loop.time() + self._seconds
                    timeout.reschedule(latest if uploaded else min(latest, began + LONGEST_UPLOAD_S))
            return message

        async def send_in_time(message: Message) -> None:
            nonlocal answered
            if not answered:
                answered = True
                timeout.reschedule(None)
            await send(message)

        timeout = asyncio.timeout(self._seconds)
        try:
            async with timeout:
                await self._app(scope, receive_in_time, send_in_time)
        except TimeoutError:
            if not timeout.expired() or answered:
                raise
            stalled = not uploaded and _has_body(scope)
            log.warning("request took too long", path=shown_path(scope), stalled_upload=stalled)
            if stalled:
                response = json_response(408, {"detail": "The request did not arrive completely in time."}, {"Connection": "close"})
            else:
                response = json_response(503, {"detail": "This took too long. Please try again."}, {"Retry-After": "5"})
            await response(scope, receive, send)


def _has_body(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0") for name, value in scope["headers"])
