"""What the service says about itself (contract: planner_platform 10, clients 2)."""

from __future__ import annotations

import httpx
import pytest

from api.app import Door, area_routes
from settings import load_settings
from tests.door.serving import serving
from wiring import build_services


def test_the_root_names_the_service(door: httpx.Client) -> None:
    assert door.get("/").json() == {"status": "ok", "service": "notechondria-backend"}


@pytest.mark.parametrize("path", ["/handshake/", "/api/v1/handshake/", "/api/v1/handshake"])
def test_the_handshake(door: httpx.Client, path: str) -> None:
    told = door.get(path).json()
    assert (told["service"], told["api_version"]) == ("notechondria-backend", "v1")
    assert set(told["capabilities"]) == {"auth", "notes", "courses", "planner", "calendar_feeds", "attachments", "mcp"}
    assert all(isinstance(number, int) for number in told["capabilities"].values())
    assert isinstance(told["version"], str)
    assert told["build"] == {"version": told["version"], "commit": "", "build_time": "", "deploy_target": ""}
    assert told["min_frontend_version"] == ""
    assert told["storage"] == {"backend": "local-disk", "label": "Local disk"}


def test_the_handshake_tells_what_the_operator_says_about_the_build(module_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "BACKEND_VERSION": "0.1.65",
        "RENDER_GIT_COMMIT": "0123456789" * 5,
        "BACKEND_BUILD_TIME": "2031-05-06T10:00:00Z",
        "BACKEND_DEPLOY_TARGET": "render",
        "MIN_FRONTEND_VERSION": "0.1.60",
        "NOTECHONDRIA_ATTACHMENTS_URL": "memory:///",
    }.items():
        monkeypatch.setenv(name, value)
    with serving(Door(build_services(load_settings(database_url=module_database_url)), area_routes())) as client:
        told = client.get("/handshake/").json()
    build = {"version": "0.1.65", "commit": "0123456789" * 4, "build_time": "2031-05-06T10:00:00Z", "deploy_target": "render"}
    assert (told["version"], told["build"], told["min_frontend_version"]) == ("0.1.65", build, "0.1.60")
    assert told["storage"]["backend"] == "object-storage"


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_the_handshake_is_for_get_only(door: httpx.Client, method: str) -> None:
    answer = door.request(method, "/api/v1/handshake/")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, OPTIONS"
    # No page of another origin needs this one.
    assert door.request(method, "/handshake/").headers["Allow"] == "GET"


@pytest.mark.parametrize("path", ["/api/v1/health/", "/api/health/"])
def test_liveness(door: httpx.Client, path: str) -> None:
    answer = door.get(path, headers={"Authorization": "Token nonsense"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    head = door.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(answer.content))
