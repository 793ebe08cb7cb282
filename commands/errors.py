"""What can be refused, each with the status and body that clients know (contract: accounts 3, notes 1.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any


class Refused(Exception):
    """A command that was not carried out. `status` and `body` (a value, or finished JSON as bytes) are the answer; nothing was stored."""

    status = 400
    headers: Mapping[str, str] | None = None
    """Response headers that belong to the refusal, such as Retry-After."""

    def __init__(self, body: Any) -> None:
        super().__init__(str(body))
        self.body = body


class Declined(Refused):
    """A refusal for a reason that one sentence tells."""

    def __init__(self, detail: str) -> None:
        super().__init__({"detail": detail})


class Invalid(Refused):
    """Fields that are wrong: {field: [messages]}."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        super().__init__({name: list(messages) for name, messages in fields.items()})


class NotFound(Refused):
    """There is no such thing, or not for this caller."""

    status = 404

    def __init__(self, thing: str) -> None:
        super().__init__({"detail": f"No {thing} matches the given query."})


class Unreadable(Refused):
    """A note that exists but is private to somebody else; the body tells nothing about it."""

    def __init__(self) -> None:
        super().__init__(["You do not have access to this note."])


class Forbidden(Declined):
    """The caller may see it but not do this with it."""

    status = 403


class Conflict(Declined):
    """Taken by somebody else, or changed meanwhile."""

    status = 409


class AccountGone(Declined):
    """The acting account was erased while it acted."""

    status = 401
    headers = MappingProxyType({"WWW-Authenticate": "Token"})

    def __init__(self) -> None:
        super().__init__("Invalid token.")


class PreconditionFailed(Refused):
    """The caller asked for a certain version (If-Match), and the thing has moved on; the body is its current state."""

    status = 412


class TooManyTries(Declined):
    """A guard on a secret has closed for a while."""

    status = 429

    def __init__(self, seconds: int, detail: str = "Too many tries. Please wait a little before the next one.") -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(seconds)}


def sentence(refusal: Refused) -> str:
    """What a refusal says, for people."""
    body = refusal.body
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        return str(body["detail"])
    if isinstance(body, dict):
        return " ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in body.items())
    return str(body)
