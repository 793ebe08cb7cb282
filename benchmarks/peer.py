"""A small Django + DRF server to measure against, and what it tells of the speed that the machine has just now.

Its packages (django<5, djangorestframework, gunicorn, psycopg) are installed into a virtual environment of their own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import load
from eventstore.embedded import ensure_running, stop

CONNECTIONS = 16
WORKERS = 2
NOTES = 200
PEER_PACKAGES = ["django<5", "djangorestframework", "gunicorn", "psycopg[binary]"]
GOALS_LISTS = 289
"""Lists of 50 notes a second that the peer makes on the machine for which goals in seconds were set."""


@dataclass
class Target:
    """A server under load."""

    name: str
    origin: str
    token: str
    note_ids: list[int]
    list_path: str


class Yardstick:
    """How fast the machine is, by the lists that the peer makes a second; measured before and after what is to be compared.

    Machines that are shared change their speed within minutes, so a goal in seconds says little without it.
    """

    def __init__(self, peer: Path | None, seconds: int = 5) -> None:
        self._peer = peer
        self._seconds = seconds
        self._lists: list[float] = []

    def measure(self) -> None:
        """Once more; nothing without a peer."""
        if self._peer is None:
            return
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder)
            data.chmod(0o755)
            url = ensure_running(data)
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute("CREATE DATABASE peer")
                with django(url, data, self._peer) as target:
                    headers = {"Authorization": f"Token {target.token}"}
                    for seconds in (1, self._seconds):
                        figures = load.run(target.origin + target.list_path, headers=headers, connections=CONNECTIONS, seconds=seconds)
                self._lists.append(figures.per_second)
            finally:
                stop(data)

    def report(self) -> None:
        """Prints what was measured and how it compares."""
        if self._lists:
            mean = sum(self._lists) / len(self._lists)
            found = " and ".join(f"{lists:.0f}" for lists in self._lists)
            print(f"the peer makes {found} lists a second here: {mean / GOALS_LISTS:.2f} of the {GOALS_LISTS} where the goals come from")


@contextmanager
def django(url: str, data: Path, peer: Path | None) -> Iterator[Target]:
    """The peer on its own database of this server, with its packages in an environment of its own."""
    assert peer is not None
    packages = Path(tempfile.gettempdir()) / "notechondria-benchmark-peer"
    if not (packages / "bin" / "gunicorn").exists():
        venv.create(packages, with_pip=True)
        subprocess.run([packages / "bin" / "pip", "install", "--quiet", *PEER_PACKAGES], check=True)
    environment = {**os.environ, "DATABASE_URL": url.replace("/notechondria", "/peer"), "PYTHONPATH": str(peer.parent)}
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        row = connection.execute("SELECT to_regclass('peer_note')").fetchone()
    if row is None or row[0] is None:
        subprocess.run([packages / "bin" / "python", peer, "migrate"], env=environment, check=True, capture_output=True)
    command = [str(packages / "bin" / "gunicorn"), "-w", str(WORKERS), "-b", "127.0.0.1:8100", f"{peer.stem}:application"]
    with running(command, environment, "http://127.0.0.1:8100"):
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            ids = [i for (i,) in connection.execute("SELECT id FROM peer_note ORDER BY id LIMIT %s", (NOTES,))]
        yield Target("peer", "http://127.0.0.1:8100", "a" * 40, ids, "/api/v1/notes/")


@contextmanager
def running(command: list[str], environment: dict[str, str], origin: str) -> Iterator[None]:
    """A server process, from its first answer on."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                call("GET", origin + "/api/v1/health/")
                break
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"did not start: {' '.join(command)}") from None
                time.sleep(0.05)
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def call(method: str, url: str, body: object = None, token: str = "") -> dict:  # type: ignore[type-arg]
    """The JSON answer of one request."""
    request = urllib.request.Request(url, method=method, data=json.dumps(body).encode() if body is not None else None)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Token {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())  # type: ignore[no-any-return]
