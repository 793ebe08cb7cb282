"""Which parts of the server talk to others, and to whom: addresses that users choose go through one client only.

reactors/outbound.py is that client; what it lets through is tried in tests/calendars/test_outbound.py.
"""

from __future__ import annotations

import ast
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reactors.feeds.schedule import keep_feeds
from tests.foreign.belongings import make_belongings
from tests.foreign.everywhere import ROUTES, fields, filled, names
from tests.foreign.places import NAMES_NOTHING, PLACES
from toolbox.catalog import ALL_TOOLS
from wiring import Services

ROOT = Path(__file__).parents[2]
FLOORS = ("api", "cli", "commands", "eventstore", "mcp_server", "projections", "reactors", "toolbox")
REACHING = {
    "aiohttp", "asyncssh", "boto3", "ftplib", "grpc", "http.client", "httpcore", "httpx", "httpx2", "imaplib", "obstore", "paramiko",
    "poplib", "pycurl", "requests", "smtplib", "socket", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc.client",
}  # fmt: skip
"""Modules that open connections. OpenTelemetry's exporter and psycopg go where settings say."""
TALKING = {
    "reactors/outbound.py": {"httpx", "socket"},  # calendars, which users name: the one client that vets addresses
    "api/code_exchange.py": {"httpx2"},  # Google and GitHub, by the operator's settings
    "reactors/mail.py": {"smtplib"},  # the operator's mail server
    "cli/doctor.py": {"smtplib"},  # the same, when the operator asks
    "cli/backend.py": {"httpx"},  # the stdio client of assistants, on the user's own machine, at the address given there
    "eventstore/blobs.py": {"obstore"},  # the operator's bucket
    "cli/supervisor.py": {"socket"},  # listens
    "cli/worker.py": {"socket"},  # listens
}


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return {module for module in REACHING if any(name == module or name.startswith(f"{module}.") for name in found)}


def test_nothing_else_opens_connections() -> None:
    files = [*ROOT.glob("*.py"), *(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))]
    reaching = {str(path.relative_to(ROOT)): modules for path in files if (modules := _imported(path))}
    assert reaching == TALKING
    opening = ("open_connection", "create_connection", "urlopen")
    assert not [str(path) for path in files if any(f"{word}(" in path.read_text() for word in opening)]


@pytest.fixture
def trap() -> Iterator[tuple[str, list[Any]]]:
    """An address of this machine, and who has connected to it."""
    caught: list[Any] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.1)
        done = threading.Event()

        def catch() -> None:
            while not done.is_set():
                try:
                    connection, address = listener.accept()
                except TimeoutError:
                    continue
                caught.append(address)
                connection.close()

        thread = threading.Thread(target=catch)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x.ics", caught
        done.set()
        thread.join()


def test_no_field_of_any_route_or_tool_makes_the_server_go_to_its_own_network(
    door: httpx.Client, services: Services, trap: tuple[str, list[Any]]
) -> None:
    url, caught = trap
    own = make_belongings(door, services, "canary")
    tried = 0
    for name, route in ROUTES.items():
        path = filled(name, dict.fromkeys(names(name), own))
        for part, field in fields(name):
            row = PLACES.get(f"{name} {field}")
            body = {"title": "Mine", "event_date": "2031-05-06", "note_id": own.named["note_id"], **(row.body if row else {}), field: url}
            sent = {"params": {field: url}} if part == "query" else {"json": body}
            door.request(route.declared.method, path, headers=own.headers, **sent)
            tried += 1
    for tool in ALL_TOOLS:
        for name, schema in tool.properties.items():
            if name in NAMES_NOTHING and "string" in schema.get("type", ()):
                arguments = {needed: own.of(tool.name, needed) or "Mine" for needed in tool.required} | {name: url}
                own.keeper.ask("tools/call", {"name": tool.name, "arguments": arguments})
                tried += 1
    keep_feeds(services)
    assert tried > 150
    assert caught == []
