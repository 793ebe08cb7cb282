"""The speed of the REST API beside a small Django + DRF server on the same PostgreSQL, in turn in one run.

    python -m benchmarks.http --peer PATH/peer.py [--seconds 10] [--rounds 3]

Both have 2 workers and 16 connections; both hold 200 notes of some 600 characters.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psycopg

from benchmarks import load
from benchmarks.machine import describe
from benchmarks.peer import CONNECTIONS, NOTES, WORKERS, Target, call, django, running
from eventstore.embedded import ensure_running, stop

TEXT = "\\n\\n".join(["hello world " * 10] * 5)

CREATE = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{{"title": "a new note", "content": "{TEXT}"}}]]
"""
PATCH = f"""
wrk.headers["Content-Type"] = "application/json"
local count = 0
local ids = {{IDS}}
local text = [[{TEXT}]]
request = function()
  count = count + 1
  local id = ids[(count * 7) % #ids + 1]
  local body = '{{"title": "note ' .. count .. '", "content": "' .. text .. ' and more ' .. count .. '"}}'
  return wrk.format("PATCH", "/api/v1/notes/" .. id .. "/", nil, body)
end
"""
DETAIL = """
local count = 0
local ids = {IDS}
request = function()
  count = count + 1
  return wrk.format("GET", "/api/v1/notes/" .. ids[(count * 7) % #ids + 1] .. "/")
end
"""
GOALS = {"list 50": 10, "detail": 10, "create": 5, "patch": 5}


def main() -> None:
    """Measures and prints; exits 1 when a goal is missed or a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=Path, help="the peer's Python file; without it only our own figures are made")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        data.chmod(0o755)
        url = ensure_running(data)
        try:
            results = measure(url, data, options.peer, options.seconds, options.rounds)
        finally:
            stop(data)
    sys.exit(0 if report(results, options.peer is not None) else 1)


def measure(url: str, data: Path, peer: Path | None, seconds: int, rounds: int) -> dict[tuple[str, str], list[load.Figures]]:
    """Figures by (server, call), one per round; in each round the two servers take turns."""
    results: dict[tuple[str, str], list[load.Figures]] = {}
    for _ in range(rounds):
        # Anew, because each round makes thousands of notes.
        with psycopg.connect(url, autocommit=True) as connection:
            for database in ("ours", "peer"):
                connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())
                connection.execute(f"CREATE DATABASE {database}".encode())
        for serve in [ours, *([django] if peer else [])]:
            with serve(url, data, peer) as target:
                ids = "{" + ",".join(map(str, target.note_ids)) + "}"
                calls = {
                    "list 50": (target.list_path, ""),
                    "detail": ("/api/v1/notes/", DETAIL.replace("{IDS}", ids)),
                    "patch": ("/api/v1/notes/", PATCH.replace("{IDS}", ids)),
                    "create": ("/api/v1/notes/", CREATE),
                }
                for name, (path, script) in calls.items():
                    headers = {"Authorization": f"Token {target.token}"}
                    load.run(target.origin + path, headers=headers, connections=CONNECTIONS, seconds=1, script=script)
                    figures = load.run(target.origin + path, headers=headers, connections=CONNECTIONS, seconds=seconds, script=script)
                    results.setdefault((target.name, name), []).append(figures)
    return results


def report(results: dict[tuple[str, str], list[load.Figures]], compared: bool) -> bool:
    """Prints the medians over the rounds and the ratios; tells whether all goals were reached."""
    reached = True
    print(f"{'call':<10}{'ours/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}", end="")
    print(f"{'peer/s':>10}{'p50 ms':>9}{'ratio':>8}{'goal':>6}" if compared else "")
    for name, goal in GOALS.items():
        mine = results["notechondria", name]
        rate, p50, p99 = (median(getattr(f, figure) for f in mine) for figure in ("per_second", "median_ms", "p99_ms"))
        failed = sum(f.failed for f in mine)
        print(f"{name:<10}{rate:>10.0f}{p50:>9.2f}{p99:>9.2f}{failed:>8}", end="")
        reached &= failed == 0
        if compared:
            theirs = results["peer", name]
            peer_rate, peer_p50 = median(f.per_second for f in theirs), median(f.median_ms for f in theirs)
            print(f"{peer_rate:>10.0f}{peer_p50:>9.2f}{rate / peer_rate:>8.1f}{goal:>6}", end="")
            reached &= rate / peer_rate >= goal and p99 < peer_p50
        print()
    return reached


@contextmanager
def ours(url: str, data: Path, peer: Path | None) -> Iterator[Target]:
    """This server, as an operator starts it."""
    database = url.replace("/notechondria", "/ours")
    environment = {
        **os.environ,
        "DATABASE_URL": database,
        "NOTECHONDRIA_DATA_DIR": str(data / "ours"),
        "NOTECHONDRIA_RATE_LIMITS": "off",
        "NOTECHONDRIA_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-c", "from cli.main import app; app()"]
    with running([*command, "serve", "--port", "8101", "--workers", str(WORKERS)], environment, "http://127.0.0.1:8101"):
        create = ["users", "create", "--username", "peer", "--email", "peer@example.org", "--password", "Strong1pw"]
        subprocess.run([*command, *create], env=environment, capture_output=True, check=False)
        token = call("POST", "http://127.0.0.1:8101/api/v1/auth/login/", {"email": "peer", "password": "Strong1pw"})["token"]
        listing = "/api/v1/notes/?limit=50&offset=0"
        found = call("GET", "http://127.0.0.1:8101/api/v1/notes/?limit=100&offset=0", None, token)
        ids = [note["id"] for note in found["results"]]
        for number in range(len(ids), NOTES):
            note = {"title": f"note {number}", "content": TEXT.replace("\\n", "\n")}
            ids.append(call("POST", "http://127.0.0.1:8101/api/v1/notes/", note, token)["id"])
        yield Target("notechondria", "http://127.0.0.1:8101", token, ids, listing)


if __name__ == "__main__":
    main()
