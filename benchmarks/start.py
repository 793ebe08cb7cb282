"""How long the server takes from its start to its first answer, and how much memory its processes take.

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
from pathlib import Path
from statistics import median

import psutil

from benchmarks.machine import describe
from benchmarks.peer import Yardstick
from eventstore import embedded

ORIGIN = "http://127.0.0.1:8102"
COMMAND = [sys.executable, "-c", "from cli.main import app; app()", "serve", "--port", "8102", "--workers", "2"]
MOST_SECONDS = 2.0
MOST_MEGABYTES = 150
REQUESTS = 300


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
        embedded.stop(data)
    yardstick.measure()
    seconds = median(taken for taken, _ in rounds)
    megabytes = max(used for _, used in rounds)
    print(f"start to first answer of the database: {seconds:.2f} s (median of {options.rounds})")
    print(f"memory of an API worker after {REQUESTS} requests: {megabytes:.0f} MB at most")
    yardstick.report()
    sys.exit(0 if seconds < MOST_SECONDS and megabytes < MOST_MEGABYTES else 1)


def _round(data: Path) -> tuple[float, float]:
    environment = {**os.environ, "NOTECHONDRIA_DATA_DIR": str(data), "NOTECHONDRIA_LOG_LEVEL": "ERROR", "NOTECHONDRIA_RATE_LIMITS": "off"}
    began = time.monotonic()
    process = subprocess.Popen(COMMAND, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not _answers():
            if process.poll() is not None or time.monotonic() > began + 60:
                raise SystemExit("the server does not start")
            time.sleep(0.01)
        taken = time.monotonic() - began
        for _ in range(REQUESTS):
            _answers()
        workers = [child for child in psutil.Process(process.pid).children() if "notechondria: api" in " ".join(child.cmdline())]
        return taken, max(worker.memory_info().rss for worker in workers) / 1e6
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers() -> bool:
    """Whether a question to the database is answered: the public notes, to somebody who has not signed in."""
    try:
        with urllib.request.urlopen(f"{ORIGIN}/api/v1/notes/?limit=20", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


if __name__ == "__main__":
    main()
