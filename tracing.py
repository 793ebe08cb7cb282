"""Traces of requests and commands, sent by OpenTelemetry's protocol when an endpoint is configured; otherwise nothing is measured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

SERVICE = "notechondria"

_tracers: list[Tracer] = []
"""The one that makes spans, once tracing has started."""


def start_tracing(settings: Settings) -> Callable[[], None]:
    """Begins to send traces; what it returns sends the rest and ends. Sampling and headers follow the standard OTEL_* variables."""
    if settings.otel_endpoint is None:
        return lambda: None
    # Only who sends traces waits for these to load.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    exporter = OTLPSpanExporter(endpoint=settings.otel_endpoint.rstrip("/") + "/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracers[:] = [provider.get_tracer(SERVICE)]
    return provider.shutdown


def tracer() -> Tracer:
    """Makes spans; only while traces are sent."""
    return _tracers[0]


def span(name: str, **attributes: str) -> AbstractContextManager[object]:
    """A part of what is traced now; nothing, where nothing is traced."""
    return tracer().start_as_current_span(name, attributes=attributes) if _tracers else _UNTRACED


_UNTRACED = nullcontext()
