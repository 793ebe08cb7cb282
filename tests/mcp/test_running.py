"""Listeners of the running server: told by every worker, and no reason for it to live on."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.accounts.people import PASSWORD
from tests.running.server import PATIENCE, Running, command

LISTEN = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "subscriptions/listen",
    "params": {
        "notifications": {"resourcesListChanged": True},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}


def told(lines: Iterator[str]) -> str:
    """The method of the next message."""
    for line in lines:
        if line.startswith("data:"):
            method: str = json.loads(line.removeprefix("data:")).get("method", "")
            return method
    return "the end"


def test_listeners_hear_of_every_worker_and_do_not_delay_the_end(server_folder: Path) -> None:
    # With this long a drain the test would time out if the stream did not end by itself.
    running = Running(server_folder, NOTECHONDRIA_DRAIN_SECONDS="3600")
    try:
        words = ("users", "create", "--username", "listener", "--email", "l@example.org", "--password", PASSWORD)
        made = command(*words, NOTECHONDRIA_DATA_DIR=str(server_folder))
        assert made.returncode == 0, made.stderr
        with httpx.Client(base_url=running.address, timeout=PATIENCE) as http:
            token = http.post("/api/v1/auth/login/", json={"username": "listener", "password": PASSWORD}).json()["token"]
            session = {"Authorization": f"Token {token}"}
            key = http.post("/api/v1/auth/rotate-api-key/", headers=session).json()["api_key"]
            headers = {
                "Authorization": f"Bearer {key}", "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen",
            }  # fmt: skip
            with http.stream("POST", "/mcp/", json=LISTEN, headers=headers) as stream:
                lines = stream.iter_lines()
                assert told(lines) == "notifications/subscriptions/acknowledged"
                for number in range(4):
                    # Each on a connection of its own, so that it may meet any worker.
                    httpx.post(f"{running.address}/api/v1/notes/", json={"title": f"Note {number}"}, headers=session, timeout=PATIENCE)
                    assert told(lines) == "notifications/resources/list_changed"
                running.process.send_signal(signal.SIGTERM)
                assert told(lines) in ("", "the end")
        assert running.process.wait(PATIENCE) == 0
    finally:
        running.end()
