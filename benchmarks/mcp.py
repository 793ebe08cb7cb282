"""What a tool call costs over the same REST call: in turn, one after the other, on one server with its embedded PostgreSQL.

python -m benchmarks.mcp [--calls 300] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.machine import describe

TEXT = "\n\n".join(["hello world " * 10] * 5)
GOAL_MS = 3.0
PASSWORD = "Correct-horse-battery-7"


def main() -> None:
    """Measures and prints; exits 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(describe())
    with _server() as http:
        worst = measure(http, options.calls, options.rounds)
    print(f"most over REST: {worst:.2f} ms (goal: below {GOAL_MS:.0f} ms)")
    sys.exit(0 if worst < GOAL_MS else 1)


def measure(http: httpx.Client, calls: int, rounds: int) -> float:
    """Prints the medians of each pair; returns by how much the worst tool is slower."""
    token = http.post("/api/v1/auth/login/", json={"username": "bench", "password": PASSWORD}).json()["token"]
    session = {"Authorization": f"Token {token}"}
    key = http.post("/api/v1/auth/rotate-api-key/", headers=session).json()["api_key"]
    http.headers["Authorization"] = f"Bearer {key}"
    note = http.post("/api/v1/notes/", json={"title": "A note", "content": TEXT}).json()["id"]
    for number in range(50):
        http.post("/api/v1/notes/", json={"title": f"Note {number}", "content": TEXT})
    titles = iter(range(10**9))

    def rest(method: str, path: str, body: Callable[[], Any] = lambda: None) -> Callable[[], httpx.Response]:
        return lambda: http.request(method, f"/api/v1/{path}", json=body())

    def tool(name: str, arguments: Callable[[], Any] = dict) -> Callable[[], httpx.Response]:
        def call() -> httpx.Response:
            params = {"name": name, "arguments": arguments()}
            return http.post("/mcp/", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})

        return call

    pairs = {
        "get_note": (rest("GET", f"notes/{note}/"), tool("get_note", lambda: {"note_id": note})),
        "list_notes": (rest("GET", "notes/?limit=50&offset=0"), tool("list_notes")),
        "list_courses": (rest("GET", "courses/"), tool("list_courses")),
        "update_note": (
            rest("PATCH", f"notes/{note}/", lambda: {"title": f"a {next(titles)}"}),
            tool("update_note", lambda: {"note_id": note, "title": f"b {next(titles)}"}),
        ),
        "create_note": (
            rest("POST", "notes/", lambda: {"title": f"a {next(titles)}", "content": TEXT}),
            tool("create_note", lambda: {"title": f"b {next(titles)}", "content": TEXT}),
        ),
    }
    print(f"{'':14}{'REST ms':>9}{'tool ms':>9}{'more':>7}")
    worst = 0.0
    for name, (plain, called) in pairs.items():
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for kept, request in zip(times, (plain, called), strict=True):
                kept += [_milliseconds(request) for _ in range(calls)]
        one, two = median(times[0]), median(times[1])
        worst = max(worst, two - one)
        print(f"{name:14}{one:9.2f}{two:9.2f}{two - one:7.2f}")
    return worst


def _milliseconds(request: Callable[[], httpx.Response]) -> float:
    started = time.perf_counter()
    response = request()
    took = (time.perf_counter() - started) * 1000
    if response.status_code >= 300 or b'"isError"' in response.content:
        raise SystemExit(f"{response.status_code}: {response.text[:300]}")
    return took


@contextmanager
def _server() -> Iterator[httpx.Client]:
    """A server of its own with one account."""
    with tempfile.TemporaryDirectory(prefix="ntc-") as folder:
        Path(folder).chmod(0o755)
        port = 8791
        program = [sys.executable, "-c", "from cli.main import app; app()"]
        settings = dict(os.environ) | {
            "NOTECHONDRIA_DATA_DIR": folder,
            "NOTECHONDRIA_RATE_LIMITS": "off",
            "BOOTSTRAP_SAMPLE_CONTENT": "false",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            command = [*program, "serve", "--port", str(port), "--workers", "1"]
            server = subprocess.Popen(command, env=settings, stdout=output, stderr=output)
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                    _wait(http, server)
                    user = [*program, "users", "create", "--username", "bench", "--email", "bench@example.org", "--password", PASSWORD]
                    subprocess.run(user, env=settings, check=True, capture_output=True)
                    yield http
            finally:
                server.terminate()
                server.wait(60)


def _wait(http: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit("the server did not start")
        try:
            if http.get("/api/v1/ready/").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server was not ready in time")


if __name__ == "__main__":
    main()
