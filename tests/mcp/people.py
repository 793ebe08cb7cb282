"""People with API keys, and calling tools for them over raw HTTP."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from tests.accounts.people import Person, make_person
from toolbox.catalog import ALL_TOOLS
from wiring import Services

LARGEST = 62_000
"""Bytes of a result, with some room for what marks it as cut."""
VALIDATORS = {tool.name: Draft202012Validator(tool.answer) for tool in ALL_TOOLS}


@dataclass
class Keeper:
    """Somebody whose assistant may act. url: of the server, without a slash at the end."""

    person: Person
    key: str
    http: httpx.Client
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def headers(self) -> dict[str, str]:
        """What assistants send."""
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"{str(self.http.base_url).rstrip('/')}/mcp/"

    def post(self, message: Any, **headers: str) -> httpx.Response:
        """Posts one message."""
        return self.http.post("/mcp/", json=message, headers={**self.headers, **headers})

    def ask(self, method: str, params: Any = None, **headers: str) -> dict[str, Any]:
        """The answer to a request: the whole JSON-RPC object."""
        message = {"jsonrpc": "2.0", "id": next(self.numbers), "method": method} | ({} if params is None else {"params": params})
        response = self.post(message, **headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def call(self, tool: str, **arguments: Any) -> Any:
        """The result of a tool that has to succeed, from its text."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]
        assert "isError" not in result, result["content"][0]["text"]
        return checked(tool, result)

    def refused(self, tool: str, **arguments: Any) -> str:
        """The sentence of a tool that has to fail."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]
        assert result["isError"] is True, result
        text: str = result["content"][0]["text"]
        return text

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """The same account over REST, by its session."""
        response = self.http.request(method, f"/api/v1/{path}", json=body, headers=self.person.headers)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    def allow_sharing(self) -> None:
        """Lets assistants publish."""
        self.rest("PATCH", "settings/", {"app_settings": {"assistants_may_share": True}})


def checked(tool: str, result: dict[str, Any]) -> Any:
    """The value of a success, whose text and structure are one and match the advertised schema."""
    value = json.loads(result["content"][0]["text"])
    assert value == result["structuredContent"]
    VALIDATORS[tool].validate(value)
    assert len(result["content"][0]["text"].encode()) <= LARGEST
    return value


def make_keeper(http: httpx.Client, services: Services) -> Keeper:
    """A verified account with a session and an API key."""
    person = make_person(services)
    response = http.post("/api/v1/auth/rotate-api-key/", headers=person.headers)
    assert response.status_code == 200, response.text
    return Keeper(person, response.json()["api_key"], http)


def inbox_of(keeper: Keeper) -> int:
    """The id of the keeper's Inbox."""
    inbox: int = next(course["id"] for course in keeper.call("list_courses")["courses"] if course["is_default"])
    return inbox
