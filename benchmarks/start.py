"""How long the server takes from its start to its first answer, and how much memory its processes take, new and well used.

    python -m benchmarks.start [--rounds 5] [--peer PATH/peer.py]

On a data folder that has been used before, with the embedded PostgreSQL and 2 workers.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks import load
from benchmarks.http import CREATE, PATCH
from benchmarks.machine import describe
from benchmarks.peer import CONNECTIONS, Yardstick, call
from eventstore import embedded

ORIGIN = "http://127.0.0.1:8102"
COMMAND = [sys.executable, "-c", "from cli.main import app; app()"]
SERVE = [*COMMAND, "serve", "--port", "8102", "--workers", "2"]
MOST_SECONDS = 2.0
MOST_MEGABYTES = 150
REQUESTS = 300
LONGEST_USE = 20
"""So many times five seconds of edits and five of new notes at most, until memory grows no more."""
EDITED = 50


def main() -> None:
    """Measures and prints; exits 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", type=Path, help="the peer's Python file, for a look at how fast the machine is")
    options = parser.parse_args()
    print(describe())
    yardstick = Yardstick(options.peer)
    yardstick.measure()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        _round(data)
        rounds = [_round(data) for _ in range(options.rounds)]
        saves, used = _well_used(data)
        embedded.stop(data)
    yardstick.measure()
    seconds = median(taken for taken, _ in rounds)
    megabytes = max(used for _, used in rounds)
    print(f"start to first answer of the database: {seconds:.2f} s (median of {options.rounds})")
    print(f"memory of an API worker after {REQUESTS} requests: {megabytes:.0f} MB at most")
    print(f"memory of an API worker once its caches are full, after {saves:,.0f} saves: {used:.0f} MB at most")
    yardstick.report()
    sys.exit(0 if seconds < MOST_SECONDS and max(megabytes, used) < MOST_MEGABYTES else 1)


def _round(data: Path) -> tuple[float, float]:
    began = time.monotonic()
    with _serving(data) as process:
        taken = time.monotonic() - began
        for _ in range(REQUESTS):
            _answers()
        return taken, _memory(process)


def _well_used(data: Path) -> tuple[float, float]:
    """How many notes were made and edited until the workers' caches were full, and what the largest of them takes then."""
    with _serving(data) as process:
        create = ["users", "create", "--username", "mira", "--email", "mira@example.org", "--password", "Strong1pw"]
        subprocess.run([*COMMAND, *create], env=_environment(data), capture_output=True, check=True)
        token = call("POST", f"{ORIGIN}/api/v1/auth/login/", {"email": "mira", "password": "Strong1pw"})["token"]
        ids = [call("POST", f"{ORIGIN}/api/v1/notes/", {"title": f"note {n}", "content": "first"}, token)["id"] for n in range(EDITED)]
        edit = PATCH.replace("{IDS}", "{" + ",".join(map(str, ids)) + "}")
        headers = {"Authorization": f"Token {token}"}
        saves, before, now = 0.0, 0.0, _memory(process)
        for _ in range(LONGEST_USE):
            if now < before * 1.005:
                break
            for script in (edit, CREATE):
                figures = load.run(f"{ORIGIN}/api/v1/notes/", headers=headers, connections=CONNECTIONS, seconds=5, script=script)
                saves += 5 * figures.per_second
            before, now = now, _memory(process)
        return saves, now


def _environment(data: Path) -> dict[str, str]:
    return {**os.environ, "NOTECHONDRIA_DATA_DIR": str(data), "NOTECHONDRIA_LOG_LEVEL": "ERROR", "NOTECHONDRIA_RATE_LIMITS": "off"}


@contextmanager
def _serving(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server, from its first answer to its end."""
    began = time.monotonic()
    process = subprocess.Popen(SERVE, env=_environment(data), stdout=subprocess.DEVNULL)
    try:
        while not _answers():
            if process.poll() is not None or time.monotonic() > began + 60:
                raise SystemExit("the server does not start")
            time.sleep(0.01)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _memory(process: subprocess.Popen[bytes]) -> float:
    """MB of the largest API worker, what it shares with others included."""
    workers = [child for child in psutil.Process(process.pid).children() if "notechondria: api" in " ".join(child.cmdline())]
    return max(worker.memory_info().rss for worker in workers) / 1e6


def _answers() -> bool:
    """Whether a question to the database is answered: the public notes, to somebody who has not signed in."""
    try:
        with urllib.request.urlopen(f"{ORIGIN}/api/v1/notes/?limit=20", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


if __name__ == "__main__":
    main()
