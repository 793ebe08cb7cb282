"""The whole server as a process of its own: what tests start, stop, kill and ask."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from tests.verifying import secrets_in

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
COMMAND = [sys.executable, "-c", "from cli.main import app; app()"]


def eventually(question: Callable[[], bool]) -> None:
    """Waits until it is so; fails when it never is."""
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def environment(**chosen: str) -> dict[str, str]:
    """This process's environment without what configures the server, and what was chosen."""
    foreign = ("NOTECHONDRIA_", "DJANGO_", "DATABASE_URL", "SMTP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | chosen


def command(*words: str, **chosen: str) -> subprocess.CompletedProcess[str]:
    """Runs `notechondria <words>` to its end."""
    return subprocess.run([*COMMAND, *words], cwd=ROOT, env=environment(**chosen), capture_output=True, text=True, check=False)


class Running:
    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        self.errors = (folder / "stderr.log").open("ab")
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--workers", "2"],
            cwd=ROOT,
            env=environment(NOTECHONDRIA_DATA_DIR=str(folder), **more),
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        assert self.process.stdout is not None
        self.banner = ""
        for line in self.process.stdout:
            self.banner += line
            if "  data " in line:
                break
        found = re.search(r"http://127\.0\.0\.1:(\d+)/docs", self.banner)
        assert found, (folder / "stderr.log").read_text()
        self.port = int(found[1])
        self.address = f"http://127.0.0.1:{self.port}"

    def children(self, role: str = "") -> list[psutil.Process]:
        found = []
        for child in psutil.Process(self.process.pid).children():
            # One that has just been killed has no command line any more.
            with suppress(psutil.NoSuchProcess):
                title = " ".join(child.cmdline())
                if title.startswith(f"notechondria: {role}"):
                    found.append(child)
        return found

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/api/v1/ping/", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()
        assert not (logged := secrets_in((self.folder / "stderr.log").read_text("utf-8", "replace"))), logged
