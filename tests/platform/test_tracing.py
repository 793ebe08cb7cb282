"""Traces, as a collector receives them from a running server."""

from __future__ import annotations

import gzip
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.platform.test_start import COMMAND, ROOT, _environment


class Collector(ThreadingHTTPServer):
    """Keeps the spans that are sent to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Received)
        self.spans: list[Span] = []


class Received(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        sent = ExportTraceServiceRequest.FromString(body)
        assert isinstance(self.server, Collector)
        assert self.path == "/v1/traces"
        self.server.spans += [span for resource in sent.resource_spans for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        return


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    yield collector
    collector.shutdown()
    thread.join()
    collector.server_close()


def test_requests_and_their_commands_arrive_as_spans_of_the_callers_trace(collector: Collector, database_url: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with tempfile.TemporaryDirectory(prefix="ntc-") as folder:
        environment = _environment(
            Path(folder),
            DATABASE_URL=database_url,
            PORT=port,
            WEB_CONCURRENCY="1",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
            OTEL_BSP_SCHEDULE_DELAY="100",
        )
        log = Path(folder) / "log"
        with log.open("w") as file:
            server = subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            while "  docs " not in log.read_text():
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            sent = {"username": "ada", "email": "ada@example.org", "password": "Correct-horse-7"}
            headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
            answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/auth/register/", json=sent, headers=headers)
            assert answer.status_code == 201, answer.text
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
        written = log.read_text()
    spans = [span for span in collector.spans if span.trace_id.hex() == trace]
    [request] = [span for span in spans if span.name == "POST /api/v1/auth/register/"]
    told = {attribute.key: attribute.value for attribute in request.attributes}
    assert told["http.response.status_code"].int_value == 201
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    assert any(span.name == "command" and span.parent_span_id == request.span_id for span in spans)
    assert f'"trace_id": "{trace}"' in written
    assert "Correct-horse-7" not in str(spans) + written
