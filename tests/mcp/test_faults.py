"""The database goes away while assistants work: they are told so in a sentence, nothing leaks, and the service comes back by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from mcp_server.refusals import LATER
from tests.faults.writing import person_in
from tests.mcp.people import Keeper
from tests.mcp.test_decisions import modern, request
from tests.running.server import Running, eventually
from wiring import Services

WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'notes.notes'::regclass"


@pytest.fixture
def no_notes(services: Services) -> Iterator[None]:
    """Whoever asks for notes waits, and then loses the connection."""
    stop = threading.Event()

    def end_them() -> None:
        with services.thread_pool.connection() as connection:
            while not stop.wait(0.02):
                connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) waiting")

    with services.thread_pool.connection() as connection, connection.transaction():
        connection.execute("LOCK TABLE notes.notes IN ACCESS EXCLUSIVE MODE")
        ending = threading.Thread(target=end_them)
        ending.start()
        try:
            yield
        finally:
            stop.set()
            ending.join()


TOOLS: list[tuple[str, dict[str, Any]]] = [
    ("get_note", {"note_id": 1}),
    ("list_notes", {}),
    ("create_note", {"title": "x"}),
    ("get_activity_week", {}),
]
METHODS: list[tuple[str, dict[str, Any]]] = [
    ("resources/list", {}),
    ("resources/read", {"uri": "notechondria://notes/1"}),
    ("prompts/get", {"name": "summarize_note", "arguments": {"note_id": "1"}}),
    ("completion/complete", {"ref": {"type": "ref/prompt", "name": "summarize_note"}, "argument": {"name": "note_id", "value": "a"}}),
]


@pytest.mark.parametrize(("name", "arguments"), TOOLS, ids=[name for name, _ in TOOLS])
def test_a_tool_that_loses_the_database_says_so(keeper: Keeper, no_notes: None, name: str, arguments: dict[str, Any]) -> None:
    assert keeper.refused(name, **arguments) == LATER


@pytest.mark.parametrize(("method", "params"), METHODS, ids=[method for method, _ in METHODS])
def test_other_methods_that_lose_the_database_say_so(keeper: Keeper, no_notes: None, method: str, params: dict[str, Any]) -> None:
    name = {"resources/read": params.get("uri", ""), "prompts/get": params.get("name", "")}.get(method, "")
    new = modern(method, name, **params)
    for response in (keeper.post(request(method, **params)), keeper.post(new["body"], **new["headers"])):
        assert response.json()["error"] == {"code": -32603, "message": LATER}


def test_the_service_comes_back_by_itself(server_folder: Path) -> None:
    running = Running(server_folder, NOTECHONDRIA_RATE_LIMITS="off")
    try:
        person = person_in(server_folder)
        with httpx.Client(base_url=running.address, timeout=30, limits=httpx.Limits(max_keepalive_connections=0)) as http:
            key = http.post("/api/v1/auth/rotate-api-key/", headers=person.headers).json()["api_key"]

            def call(name: str, **arguments: Any) -> httpx.Response:
                message = request("tools/call", name=name, arguments=arguments)
                return http.post("/mcp/", json=message, headers={"Authorization": f"Bearer {key}"})

            note = call("create_note", title="Kept").json()["result"]["structuredContent"]["id"]
            postmaster = psutil.Process(int((server_folder / "postgres" / "postmaster.pid").read_text().splitlines()[0]))
            for process in (postmaster, *postmaster.children(recursive=True)):
                if process.is_running():
                    process.kill()
            told = []

            def is_back() -> bool:
                response = call("get_note", note_id=note)
                if response.status_code == 200 and "structuredContent" in response.json()["result"]:
                    return True
                told.append(response)
                time.sleep(0.1)
                return False

            eventually(is_back)
            for response in told:
                if response.status_code == 200:
                    assert response.json()["result"] == {"content": [{"type": "text", "text": LATER}], "isError": True}
                else:
                    assert response.status_code == 503
                    assert list(response.json()) == ["detail"]
                    assert int(response.headers["retry-after"]) > 0
            assert call("update_note", note_id=note, title="Still kept").json()["result"]["structuredContent"]["title"] == "Still kept"
    finally:
        running.end()
