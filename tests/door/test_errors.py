"""Every refusal is JSON in the shape that the apps read, and tells nothing of the inside (contract: accounts 3)."""

from __future__ import annotations

import logging

import httpx
import pytest
import structlog

from api.errors import DATABASE_AWAY

T = "/api/v1/test"
TRIGGERS = ("timeout", "timed out", "502", "503", " 500 ", "bad gateway", "service unavailable", "connection refused", "—")


@pytest.mark.parametrize("path", ["/api/v1/nope/", "/api/v1/test/things/x/y/", "/api/", "/api/v1/test/echo/-1/", "/api/v1//test/open/"])
def test_paths_of_the_api_that_do_not_exist(door: httpx.Client, path: str) -> None:
    answer = door.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"detail": "API route not found.", "status_code": 404, "path": path}


def test_the_path_in_an_error_is_without_the_query(door: httpx.Client) -> None:
    assert door.get("/api/v1/nope/?token=secret").json()["path"] == "/api/v1/nope/"


def test_other_paths_that_do_not_exist(door: httpx.Client) -> None:
    answer = door.post("/nope", json={})
    assert (answer.status_code, answer.text) == (404, "Page not found.")
    refused = door.get("/", headers={"Host": "evil.example"})
    assert (refused.status_code, refused.text) == (400, "Bad request.")


def test_refusals_keep_their_shape(door: httpx.Client) -> None:
    assert door.get(f"{T}/unreadable/").json() == ["You do not have access to this note."]
    stale = door.get(f"{T}/stale/")
    assert (stale.status_code, stale.json()) == (412, {"id": 1})
    state = door.get(f"{T}/stale-finished/", headers={"Host": "notes.example.org"})
    assert (state.status_code, state.json()) == (412, {"image": "http://notes.example.org/media/a.png"})


def test_a_wrong_method_names_the_right_ones(door: httpx.Client) -> None:
    answer = door.put(f"{T}/echo/", json={})
    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "PUT" not allowed.'})
    assert answer.headers["Allow"] == "OPTIONS, POST"


def test_a_wrong_method_outside_the_api(door: httpx.Client) -> None:
    answer = door.post("/openapi.json")
    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "POST" not allowed.'})


def test_a_bug_is_logged_with_its_trace_and_told_without(door: httpx.Client) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = door.get(f"{T}/crash/", headers={"X-Request-ID": "find-me"})
    assert answer.status_code == 500
    assert answer.json() == {
        "detail": "Internal server error.",
        "status_code": 500,
        "path": f"{T}/crash/",
        "request_id": "find-me",
    }
    assert "a secret detail" not in answer.text
    [line] = [line for line in logged if line["event"] == "request failed"]
    assert (line["request_id"], line["path"]) == ("find-me", f"{T}/crash/")
    assert str(line["exc_info"][1]) == "a secret detail"


def test_refused_callers_are_noted_without_their_key(door: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "notechondria.auth"):
        door.get(f"{T}/me/?token=q", headers={"Authorization": "Token 4be1c0ffee"})
        door.get(f"{T}/me/")
    bad, none = [record.getMessage() for record in caplog.records if record.name == "notechondria.auth"]
    assert bad.startswith("401 GET '/api/v1/test/me/' key=")
    assert "4be1c0ffee" not in bad
    assert "token=q" not in bad
    assert none.endswith("key=none")


def test_the_texts_of_the_door_do_not_trip_the_apps() -> None:
    assert not [word for word in TRIGGERS if word in DATABASE_AWAY.lower()]
