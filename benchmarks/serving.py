"""A whole server for a benchmark, as operators run it but without limits, and somebody who is signed in there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.running.server import Running, command

PASSWORD = "Strong1pw"


@contextmanager
def signed_in(username: str) -> Iterator[httpx.Client]:
    """A client of the new server's API, signed in as a new account."""
    chosen = {"NOTECHONDRIA_RATE_LIMITS": "off", "NOTECHONDRIA_LOG_LEVEL": "ERROR"}
    with tempfile.TemporaryDirectory() as folder:
        server = Running(Path(folder), **chosen)
        try:
            words = ("users", "create", "--username", username, "--email", f"{username}@example.org", "--password", PASSWORD)
            command(*words, NOTECHONDRIA_DATA_DIR=folder, **chosen)
            with httpx.Client(base_url=f"{server.address}/api/v1", timeout=300) as client:
                told = client.post("/auth/login/", json={"email": username, "password": PASSWORD}).raise_for_status().json()
                client.headers["Authorization"] = f"Token {told['token']}"
                yield client
        finally:
            server.end()
