"""What the service says about itself (contract: planner_platform 10, clients 2)."""

from __future__ import annotations

import httpx
import pytest


def test_the_root_names_the_service(door: httpx.Client) -> None:
    assert door.get("/").json() == {"status": "ok", "service": "notechondria-backend"}


@pytest.mark.parametrize("path", ["/handshake/", "/api/v1/handshake/", "/api/v1/handshake"])
def test_the_handshake(door: httpx.Client, path: str) -> None:
    told = door.get(path).json()
    assert (told["service"], told["api_version"]) == ("notechondria-backend", "v1")
    assert set(told["capabilities"]) == {"auth", "notes", "courses", "planner", "calendar_feeds", "attachments", "mcp"}
    assert all(isinstance(number, int) for number in told["capabilities"].values())
    assert isinstance(told["version"], str)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_the_handshake_is_for_get_only(door: httpx.Client, method: str) -> None:
    answer = door.request(method, "/api/v1/handshake/")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, OPTIONS"


@pytest.mark.parametrize("path", ["/api/v1/health/", "/api/health/"])
def test_liveness(door: httpx.Client, path: str) -> None:
    answer = door.get(path, headers={"Authorization": "Token nonsense"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    head = door.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(answer.content))
