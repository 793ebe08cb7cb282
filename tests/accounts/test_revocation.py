"""What is revoked is dead on every worker for the very next request, open streams of assistants included."""

from __future__ import annotations

import email
import email.policy
import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from settings import load_settings
from tests.accounts.mailbox import code_in
from tests.accounts.people import PASSWORD, make_person
from tests.running.folders import used_folder
from tests.running.server import Running, command, eventually
from wiring import Services, opened_services

NEW_PASSWORD = "Another-horse-8"
PER_WORKER = 3
V1 = "/api/v1"
LISTEN = {
    "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
    "params": {
        "notifications": {"resourcesListChanged": True},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "Listener", "version": "1"},
        },
    },
}  # fmt: skip
LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_profile", "arguments": {}}}


class Connection:
    """A connection that is kept open, and so leads to one worker."""

    opened: ClassVar[list[Connection]] = []

    def __init__(self, running: Running) -> None:
        self.http = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        self.http.connect()
        self.opened.append(self)
        self.worker = self._worker(running)

    def _worker(self, running: Running) -> int:
        """The process at the other end."""
        port = self.http.sock.getsockname()[1]
        # One that has answered has been accepted.
        self.ask("GET", f"{V1}/ping/")
        found: list[int] = []

        def is_found() -> bool:
            for child in running.children():
                with suppress(psutil.Error):
                    if any(getattr(held.raddr, "port", None) == port for held in child.net_connections("tcp")):
                        found.append(child.pid)
            return bool(found)

        # The kernel's table of connections is not read at one moment: while others come and go, one may be missed.
        eventually(is_found)
        return found[0]

    def ask(self, method: str, path: str, body: Any = None, authorization: str = "", **headers: str) -> tuple[int, Any]:
        """(status, what was answered)."""
        sent = {"Content-Type": "application/json", **headers} if body is not None else dict(headers)
        if authorization:
            sent["Authorization"] = authorization
        self.http.request(method, path, json.dumps(body) if body is not None else None, sent)
        answer = self.http.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None


@pytest.fixture(autouse=True, scope="module")
def _closed() -> Iterator[None]:
    """Closes all connections at the end."""
    yield
    for connection in Connection.opened:
        connection.http.close()


class Listening:
    """An open stream of notices."""

    def __init__(self, connection: Connection, key: str) -> None:
        headers = {
            "Authorization": key, "Accept": "application/json, text/event-stream", "Content-Type": "application/json",
            "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen",
        }  # fmt: skip
        connection.http.request("POST", "/mcp/", json.dumps(LISTEN), headers)
        self.answer = connection.http.getresponse()
        assert self.answer.status == 200
        assert self.answer.headers["content-type"].startswith("text/event-stream")
        while b"acknowledged" not in self.answer.readline():
            pass

    def end(self) -> None:
        """Reads to the end of the stream, which has to come."""
        while self.answer.readline():
            pass
        self.answer.close()


@pytest.fixture(scope="module")
def running(served_folder: Path) -> Iterator[Running]:
    with used_folder(served_folder) as folder:
        started = Running(folder, NOTECHONDRIA_RATE_LIMITS="off")
        try:
            yield started
        finally:
            started.end()


@pytest.fixture(scope="module")
def services(running: Running) -> Iterator[Services]:
    """A process of our own on the server's store, to make people with."""
    with opened_services(load_settings(data_dir=running.folder)) as opened:
        yield opened


@pytest.fixture(scope="module")
def connections(running: Running) -> list[Connection]:
    """Some to each worker, those of different workers in turn."""
    by_worker: dict[int, list[Connection]] = {}
    for _ in range(200):
        if len(by_worker) == 2 and all(len(found) >= PER_WORKER for found in by_worker.values()):
            break
        made = Connection(running)
        by_worker.setdefault(made.worker, []).append(made)
    assert len(by_worker) == 2, "both workers answer"
    return [connection for pair in zip(*(found[:PER_WORKER] for found in by_worker.values()), strict=True) for connection in pair]


class Someone:
    """A fresh account with a session and an API key."""

    def __init__(self, running: Running, services: Services, connections: list[Connection], name: str) -> None:
        self.running, self.connections, self.name = running, connections, name
        self.email = make_person(services, name).email
        self.session, self.session_id = self.sign_in()
        status, made_key = connections[0].ask("POST", f"{V1}/auth/rotate-api-key/", authorization=self.session)
        assert status == 200
        self.key = f"Bearer {made_key['api_key']}"

    def sign_in(self) -> tuple[str, int]:
        """(the header of a new session, its id)."""
        status, payload = self.connections[0].ask("POST", f"{V1}/auth/login/", {"email": self.name, "password": PASSWORD})
        assert status == 200
        return f"Token {payload['token']}", payload["session"]["id"]

    def code(self) -> str:
        """The newest code that was mailed."""

        def codes() -> list[str]:
            mails = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in sorted(outbox.glob("*.eml"))]
            return [code for mail in mails if mail["To"] == self.email and (code := code_in(str(mail.get_content())))]

        outbox = self.running.folder / "outbox"
        eventually(lambda: bool(codes()))
        return codes()[-1]

    def identity_code(self) -> str:
        """A fresh identity code."""
        status, _ = self.connections[0].ask("POST", f"{V1}/auth/send-identity-code/", authorization=self.session)
        assert status == 200
        return self.code()

    def operate(self, *words: str) -> None:
        """Runs an operator's command."""
        done = command(*words, NOTECHONDRIA_DATA_DIR=str(self.running.folder))
        assert done.returncode == 0, done.stderr


def log_out(who: Someone, by: Connection, session: str, session_id: int) -> None:
    assert by.ask("POST", f"{V1}/auth/logout/", authorization=session)[0] == 204


def revoke(who: Someone, by: Connection, session: str, session_id: int) -> None:
    assert by.ask("DELETE", f"{V1}/auth/sessions/{session_id}/", authorization=who.session)[0] == 204


def change_password(who: Someone, by: Connection, session: str, session_id: int) -> None:
    sent = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "identity_code": who.identity_code()}
    assert by.ask("POST", f"{V1}/auth/change-password/", sent, session)[0] == 200


def reset_password(who: Someone, by: Connection, session: str, session_id: int) -> None:
    assert by.ask("POST", f"{V1}/auth/password-reset/", {"email": who.email})[0] == 200
    sent = {"email": who.email, "code": who.code(), "password": NEW_PASSWORD}
    assert by.ask("POST", f"{V1}/auth/password-reset/confirm/", sent)[0] == 200


def revoke_by_operator(who: Someone, by: Connection, session: str, session_id: int) -> None:
    who.operate("sessions", "revoke", "--user", who.name)


def disable(who: Someone, by: Connection, session: str, session_id: int) -> None:
    who.operate("users", "disable", who.name)


def erase(who: Someone, by: Connection, session: str, session_id: int) -> None:
    assert by.ask("DELETE", f"{V1}/auth/account/", {"identity_code": who.identity_code()}, session)[0] == 204


def rotate(who: Someone, by: Connection, session: str, session_id: int) -> None:
    assert by.ask("POST", f"{V1}/auth/rotate-api-key/", authorization=session)[0] == 200


Ending = Callable[[Someone, Connection, str, int], None]


@pytest.mark.parametrize("ending", [log_out, revoke, change_password, reset_password, revoke_by_operator, disable, erase])
def test_ended_session_is_dead_on_every_worker_at_once(
    running: Running, services: Services, connections: list[Connection], ending: Ending
) -> None:
    who = Someone(running, services, connections, f"ends-by-{ending.__name__}".replace("_", "-"))
    for by in connections[:2]:
        session, session_id = who.sign_in()
        for connection in connections:
            assert connection.ask("GET", f"{V1}/settings/", authorization=session)[0] == 200
            assert connection.ask("GET", f"{V1}/auth/session/", authorization=session)[1]["authenticated"] is True
        ending(who, by, session, session_id)
        for connection in connections:
            status, told = connection.ask("PATCH", f"{V1}/settings/", {"motto": "still here"}, session)
            assert (status, told["detail"]) in ((401, "Invalid token."), (401, "User account is disabled."))
            assert connection.ask("GET", f"{V1}/notes/deleted/", authorization=session)[0] == 401
            assert connection.ask("GET", f"{V1}/auth/session/", authorization=session) == (200, {"authenticated": False})
        if ending not in (log_out, revoke):
            break


@pytest.mark.parametrize("ending", [rotate, disable, erase])
def test_replaced_key_is_dead_on_every_worker_and_ends_open_streams(
    running: Running, services: Services, connections: list[Connection], ending: Ending
) -> None:
    who = Someone(running, services, connections, f"key-by-{ending.__name__}")
    for connection in connections:
        assert connection.ask("GET", f"{V1}/settings/", authorization=who.key)[0] == 200
        assert "result" in connection.ask("POST", "/mcp/", LIST_TOOLS, who.key, Accept="application/json")[1]
    listeners = [Connection(running) for _ in range(12)]
    assert len({listener.worker for listener in listeners}) == 2
    streams = [Listening(listener, who.key) for listener in listeners]
    ending(who, connections[1], who.session, who.session_id)
    for connection in connections:
        assert connection.ask("GET", f"{V1}/settings/", authorization=who.key)[0] == 401
        assert connection.ask("POST", "/mcp/", LIST_TOOLS, who.key, Accept="application/json")[0] == 401
    ended_by = time.monotonic() + 10
    for stream in streams:
        stream.end()
    assert time.monotonic() < ended_by


def test_restart_ends_no_session_unless_it_is_told_to(running: Running, services: Services, connections: list[Connection]) -> None:
    """The last one: it ends the server of the others."""
    session = Someone(running, services, connections, "keeps").session
    running.end()
    alive: list[int] = []
    for chosen in ({}, {"NOTECHONDRIA_REVOKE_SESSIONS_ON_START": "1"}):
        started = Running(running.folder, **chosen)
        try:
            alive.append(Connection(started).ask("GET", f"{V1}/settings/", authorization=session)[0])
        finally:
            started.end()
    assert alive == [200, 401]
