"""Traces of requests and commands, sent by OpenTelemetry's protocol when an endpoint is configured; otherwise nothing is measured."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry import trace

from settings import Settings

SERVICE = "notechondria"


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
    trace.set_tracer_provider(provider)
    return provider.shutdown


def tracer() -> trace.Tracer:
    """Makes spans; of no effect until tracing has started."""
    return trace.get_tracer(SERVICE)
