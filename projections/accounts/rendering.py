"""The JSON that is kept ready with an account: author card, user of the auth payload, settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

ORIGIN = "\x1a"
"""Stands for the origin of addresses. Cannot come from a value: JSON text has this character only escaped."""
API_PATH = "/api/v1"


def with_addresses(members: Mapping[str, Any], addresses: Mapping[str, str]) -> str:
    """A JSON object of the members, and of addresses (name -> path) that begin with the origin."""
    text = orjson.dumps(members).decode()
    added = ",".join(f'"{name}":"{ORIGIN}{orjson.dumps(path).decode()[1:]}' for name, path in addresses.items())
    return f"{text[:-1]}{',' if members and added else ''}{added}}}"


def with_members(text: str, **members: str) -> str:
    """A JSON object with further members, given as JSON text."""
    added = ",".join(f'"{name}":{value}' for name, value in members.items())
    return f"{text[:-1]}{',' if len(text) > 2 else ''}{added}}}"


def offset_time(moment: datetime) -> str:
    """ISO 8601 in UTC with the offset +00:00; microseconds when there are any."""
    return moment.astimezone(UTC).isoformat()
