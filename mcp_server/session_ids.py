"""Ids of sessions that are none: a client that has introduced itself sends its name along in them (contract: mcp 2, 13)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import uuid4

LONGEST_NAME = 120
"""Bytes of a client's name."""
UUID_LENGTH = 36


def new_session_id(client: str = "") -> str:
    """A fresh UUID, and behind it the client's name where it told one."""
    name = urlsafe_b64encode(client.encode()[:LONGEST_NAME]).decode().rstrip("=")
    return f"{uuid4()}.{name}" if name else str(uuid4())


def client_of(session_id: str) -> str:
    """The name in an id that was made here; empty when there is none. It is what anybody may have written, as all such names are."""
    place, name = session_id[:UUID_LENGTH], session_id[UUID_LENGTH:]
    if len(place) < UUID_LENGTH or not name.startswith(".") or not name.isascii():
        return ""
    try:
        return urlsafe_b64decode(name[1:] + "=" * (-len(name[1:]) % 4)).decode(errors="ignore").strip()
    except ValueError:
        return ""
