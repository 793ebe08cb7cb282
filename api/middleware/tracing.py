"""One span per request, continuing the trace of whoever sent it (W3C Trace Context)."""

from __future__ import annotations

from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from api.middleware.requests import OTHER, route_of, shown_path
from tracing import tracer


class Tracing:
    """Is put into the chain only when traces are sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request inside a span, named after its route's template once that is known."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in _CARRIED}
        method: str = scope["method"]
        attributes = {"http.request.method": method, "url.path": shown_path(scope), "request.id": scope["request_id"]}
        with tracer().start_as_current_span(method, extract(carrier), SpanKind.SERVER, attributes) as span:
            # So that log and trace find each other.
            bind_contextvars(trace_id=format_trace_id(span.get_span_context().trace_id))

            async def send_noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status: int = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    if status >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self._app(scope, receive, send_noted)
            finally:
                route = route_of(scope)
                if route != OTHER:
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)


_CARRIED = (b"traceparent", b"tracestate")
