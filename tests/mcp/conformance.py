"""Runs the public conformance suite of the protocol against a running server; needs Node 22 or newer.

The suite sends no credentials, so a proxy adds the key. Exits 1 when a scenario fails that is not among KNOWN, or one of those passes.

python -m tests.mcp.conformance --url http://127.0.0.1:8000 --key ntc_...
"""

# ruff: noqa: T201 - a program that prints results

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

SUITE = ("npx", "--yes", "--package", "@modelcontextprotocol/conformance@0.1.16", "conformance", "server")
KNOWN = {
    "logging-set-level": "logging is deprecated and not announced",
    "resources-subscribe": "not offered to clients that shake hands; subscriptions/listen takes its place",
    "resources-unsubscribe": "the same",
} | dict.fromkeys(
    (
        *(f"tools-call-{kind}" for kind in ("simple-text", "image", "audio", "embedded-resource", "mixed-content", "with-logging")),
        *(f"tools-call-{kind}" for kind in ("error", "with-progress", "sampling", "elicitation")),
        *("json-schema-2020-12", "elicitation-sep1034-defaults", "elicitation-sep1330-enums"),
        *("resources-read-text", "resources-read-binary", "resources-templates-read"),
        *(f"prompts-get-{kind}" for kind in ("simple", "with-args", "embedded-resource", "with-image")),
    ),
    "needs tools, prompts or resources of the suite's own reference server",
)
LOST = {"connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive"}


def proxy(url: str, key: str) -> ThreadingHTTPServer:
    """A server that hands everything on to `url`, with the key."""
    client = httpx.Client(timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _hand_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in LOST}
            sent = client.request(self.command, url + self.path, content=body, headers={**headers, "Authorization": f"Bearer {key}"})
            self.send_response(sent.status_code)
            for name, value in sent.headers.items():
                if name not in LOST:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(sent.content)))
            self.end_headers()
            self.wfile.write(sent.content)

        do_GET = do_POST = do_DELETE = _hand_on  # noqa: N815 - the names that the standard library looks for

        def log_message(self, *args: object) -> None:
            """The suite tells what happened."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Runs all scenarios and prints their results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    server = proxy(options.url.rstrip("/"), options.key)
    words = [*SUITE, "--url", f"http://localhost:{server.server_port}/mcp", "--suite", "all"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    server.shutdown()
    results = re.findall(r"^(✓|✗) ([a-z0-9-]+): (.*)$", done.stdout, re.MULTILINE)
    surprises = [name for mark, name, _ in results if (mark == "✗") != (name in KNOWN)]
    for mark, name, counts in results:
        print(mark, name, counts, f"({KNOWN[name]})" if name in KNOWN else "")
    if not results:
        print(done.stdout, done.stderr)
    print("unexpected:", ", ".join(surprises) or "none")
    sys.exit(1 if surprises or not results else 0)


if __name__ == "__main__":
    main()
