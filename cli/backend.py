"""A Notechondria server as its stdio client sees it: where it is, and requests to its REST API (contract: mcp 10)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import orjson

from cli.version import release
from settings import ClientSettings
from toolbox.tool import Exchange, Request

TIMEOUT_S = 20.0
API = "/api/v1"
PUBLIC_URL = "http://127.0.0.1:8000"
"""Where a server on this computer listens unless told otherwise."""
LONGEST_ERROR = 500
AGENT = f"notechondria-mcp-cli/{release()}"
LONGEST_CLIENT = 60
_VISIBLE = re.compile("[!-~]+")
"""What keys are made of, and nothing else goes into a header."""
MOVED = "Changed meanwhile: its version is now {}. Read it again, then decide anew."
"""What is told of a note that has moved on; the API answers with its present state."""


class Incomplete(Exception):
    """The configuration lacks something; the text says what and where to put it."""


class BackendFailed(Exception):
    """The server refused, or could not be reached (status 0)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"backend HTTP {status}: {detail[:LONGEST_ERROR]}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Place:
    """A server and the key for it."""

    url: str
    key: str


def configured(settings: ClientSettings) -> Place:
    """From the environment, else from the configuration file. Raises Incomplete."""
    path = settings.config or Path("~/.notechondria/config.json")
    kept = _kept(path)
    key = settings.api_key.get_secret_value() if settings.api_key else kept.get("api_key")
    if not isinstance(key, str) or not key.strip():
        raise Incomplete(f'There is no API key. Set NOTECHONDRIA_API_KEY, or write it as "api_key" into {path}.')
    if not _VISIBLE.fullmatch(key.strip()):
        place = "NOTECHONDRIA_API_KEY" if settings.api_key else f'"api_key" in {path}'
        raise Incomplete(f"{place} is no API key: there are blanks, line breaks, typographic quotes or the like in it. Copy the key anew.")
    url = settings.api_url or kept.get("api_url") or PUBLIC_URL
    return Place(api_url(str(url)), key.strip())


def api_url(url: str) -> str:
    """The address of the API, from that of the server or of a part of it."""
    url = url.strip().rstrip("/")
    if url.endswith(API):
        return url
    return f"{url}/v1" if url.endswith("/api") else url + API


class Backend:
    """Requests with the key."""

    def __init__(self, place: Place, client: httpx.Client | None = None) -> None:
        self.place = place
        self.client = ""
        """The assistant, as it names itself."""
        self.agent = AGENT
        """Who acts, as the account's list of changes will name it."""
        self._client = client or httpx.Client(timeout=TIMEOUT_S)

    def acts_for(self, tool: str) -> None:
        """What goes out from here on is for this tool."""
        name = "".join(character for character in self.client if character.isascii() and character.isprintable())[:LONGEST_CLIENT]
        self.agent = " ".join(filter(None, (AGENT, tool, f"({name})" if name else "")))

    def run(self, exchange: Exchange) -> Any:
        """Sends what the exchange asks for; returns its result. Raises BackendFailed, and what the exchange raises."""
        try:
            request = next(exchange)
            while True:
                request = exchange.send(self.send(request))
        except StopIteration as done:
            return done.value

    def send(self, request: Request) -> Any:
        """One request. Raises BackendFailed."""
        headers = {"Authorization": f"Bearer {self.place.key}", "Accept": "application/json", "User-Agent": self.agent, **request.headers}
        url = f"{self.place.url}/{request.path}"
        try:
            response = self._client.request(request.method, url, params=dict(request.query), json=request.body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BackendFailed(0, str(error) or type(error).__name__) from None
        if response.status_code >= 400:
            raise BackendFailed(response.status_code, _detail(response))
        if response.status_code == 204 or not response.content:
            return None
        try:
            return orjson.loads(response.content)
        except ValueError:
            raise BackendFailed(response.status_code, "the answer is not JSON") from None


def _detail(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.text
    if response.status_code == HTTPStatus.PRECONDITION_FAILED and isinstance(body, dict) and "last_edit" in body:
        return MOVED.format(body["last_edit"])
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        detail: str = body["detail"]
        return detail
    return json.dumps(body, ensure_ascii=False)


def _kept(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        # There is none, or it is none, or there is no home folder to look in.
        return {}
    return kept if isinstance(kept, dict) else {}
