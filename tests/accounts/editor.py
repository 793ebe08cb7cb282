"""The shipped editor as the server sees it: what it sends byte by byte, and what it makes of answers (contract: clients 1, 3, 9)."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEAD_SESSION = ("invalid token", "authentication credentials were not provided", "token_not_valid", "session rejected:")


class Failure(Exception):
    """What the editor shows when a call fails."""


def base_of(typed: str) -> str:
    """The API's address out of what people type."""
    base = typed.strip().rstrip("/")
    if base.endswith("/api/v1"):
        return base
    return f"{base}/v1" if base.endswith("/api") else f"{base}/api/v1"


def multipart(part: str, filename: str, content: bytes) -> tuple[str, bytes]:
    """(content type, body) of the one upload form there is: a single part whose own type tells nothing."""
    boundary = "dart-http-boundary-lI7wFz0X4mpQrstuvw"
    name = filename.replace('"', "%22")
    disposition = f'content-disposition: form-data; name="{part}"; filename="{name}"'
    head = f"--{boundary}\r\ncontent-type: application/octet-stream\r\n{disposition}\r\n\r\n"
    return f"multipart/form-data; boundary={boundary}", head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


@dataclass
class Editor:
    """One installation."""

    typed: str
    token: str | None = None
    user: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    """The local ones; `updated_at` is their stamp."""
    agent: str = "Dart/3.3 (dart:io)"

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes | None = None) -> tuple[int, bytes]:
        """One request with exactly these headers beside those that HTTP needs."""
        address = urlsplit(base_of(self.typed) + path)
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        try:
            connection.putrequest(method, f"{address.path}?{address.query}".rstrip("?"), skip_accept_encoding=True)
            connection.putheader("user-agent", self.agent)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None or method == "POST":
                connection.putheader("content-length", str(len(body or b"")))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            if content:
                assert answer.headers["content-type"] == "application/json; charset=utf-8", "older clients read it as Latin-1 otherwise"
            return answer.status, content
        finally:
            connection.close()

    def call(self, method: str, path: str, sent: Any = ..., *, label: str = "application/json", token: str | None = None) -> Any:
        """A call of the API helpers. sent: the JSON; left out: no body and no content type."""
        headers = {"Accept": "application/json"}
        body = None
        if sent is not ...:
            body = json.dumps(sent).encode()
            headers["Content-Type"] = label
        if token or self.token:
            headers["Authorization"] = f"Token {token or self.token}"
        return decoded(*self.send(method, path, headers=headers, body=body))

    def unlink(self, provider: str) -> Any:
        """The one call that sends nothing but the session."""
        return decoded(*self.send("DELETE", f"/auth/social-accounts/{provider}/", headers={"Authorization": f"Token {self.token}"}))

    def upload_avatar(self, filename: str, content: bytes) -> dict[str, Any]:
        """The picture of the profile form."""
        label, body = multipart("avatar", filename, content)
        headers = {"Accept": "application/json", "Authorization": f"Token {self.token}", "Content-Type": label}
        found: dict[str, Any] = decoded(*self.send("PATCH", "/settings/", headers=headers, body=body))
        return found

    def handshake(self) -> bool:
        """Whether there is such a server; asked before an address is stored."""
        status, body = self.send("GET", "/handshake/", headers={"Accept": "application/json"})
        found = json.loads(body)
        return status == 200 and (found["service"], found["api_version"]) == ("notechondria-backend", "v1")

    def signed_in(self, payload: dict[str, Any]) -> None:
        """What follows any successful sign-in, login, verification, provider and restored session alike."""
        user = payload["user"]
        assert isinstance(user, dict)
        token = payload["token"]
        assert isinstance(token, str)
        assert not token.startswith(("eyJ", "ntc_"))
        if payload.get("session") is not None:
            assert is_id(payload["session"]["id"])
        assert isinstance(payload.get("multi_device"), bool)
        remote = self.call("GET", "/settings/", token=token)
        self.reconcile(remote, token)
        self.token, self.user = token, {name: user.get(name, "") for name in ("username", "email", "image_url", "motto", "social_link")}
        self.bootstrap()

    def reconcile(self, remote: dict[str, Any], token: str) -> None:
        """The newer settings win; a stamp that cannot be read counts as 1970."""
        local_stamp, remote_stamp = stamp_of(self.settings.get("updated_at")), stamp_of(remote["app_settings_updated_at"])
        if local_stamp > remote_stamp:
            mirrored = {name: self.settings[name] for name in ("theme_preset", "theme_mode", "api_base_url")}
            group = {"app_settings": self.settings, "app_settings_updated_at": self.settings["updated_at"], **mirrored}
            remote = self.call("PATCH", "/settings/", group, token=token)
        else:
            self.settings = dict(remote["app_settings"])
        self.settings |= {"theme_preset": remote["theme_preset"], "theme_mode": remote["theme_mode"]}
        self.settings["updated_at"] = remote["app_settings_updated_at"]
        # Clients of this era adopt the server's address.
        self.typed = remote["api_base_url"]

    def bootstrap(self) -> None:
        """The first calls, one after another; two refused for the session sign the editor out."""
        refused = 0
        paths = ["/front-page/", "/courses/", "/notes/deleted/", "/notes/?limit=20&offset=0&scope=personal"]
        for path in paths:
            try:
                answer = self.call("GET", path)
            except Failure as failure:
                refused += any(text in str(failure).lower() for text in DEAD_SESSION)
                continue
            if path == "/courses/":
                course_id = next(course["id"] for course in answer if course["is_default"])
                assert is_id(course_id)
                paths.append(f"/courses/{course_id}/notes/")
        if refused >= 2:
            self.token, self.user = None, {}

    def restore(self) -> bool:
        """What a start does with a stored session; whether it is still one."""
        try:
            answer = self.call("GET", "/auth/session/")
        except Failure:
            answer = {}
        if answer.get("authenticated") is not True:
            self.token, self.user = None, {}
            return False
        self.signed_in(answer)
        return True


def decoded(status: int, body: bytes) -> Any:
    """The answer as the editor reads it. Raises Failure with what it would show."""
    if not body:
        if status >= 400:
            raise Failure(f"Request failed with {status}")
        return {}
    answer = json.loads(body)
    if status < 400:
        return answer
    if isinstance(answer, dict) and answer.get("detail") is not None:
        text = str(answer["detail"])
    elif isinstance(answer, dict):
        text = "\n".join(f"{name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in answer.items())
    else:
        text = str(answer)
    if "—" not in text:
        text = {401: "Session rejected: ", 403: "Request forbidden: "}.get(status, "") + text
    raise Failure(text)


def stamp_of(text: Any) -> datetime:
    """A stamp, the beginning of time when it cannot be read."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return EPOCH


def is_id(value: object) -> bool:
    """Whether a browser can hold it, and the apps take it for an id of the server."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53
