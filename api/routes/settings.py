"""The settings of the caller (contract: accounts 14, clients 9)."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import orjson

from api.call import Call
from api.routing import Route
from api.schemas.settings import SettingsOut
from projections.accounts.queries import get_settings


def settings_body(row: tuple[Any, ...] | None) -> bytes:
    """The answer of a row of get_settings."""
    assert row is not None
    settings, used_at = row
    shown = orjson.dumps(used_at.astimezone(UTC).isoformat() if used_at else None)
    return bytes(settings)[:-1] + b',"api_key_last_used_at":' + shown + b"}"


async def read_settings(call: Call) -> bytes:
    """All settings."""
    return settings_body(await call.ask(get_settings()))


ROUTES = [
    Route("GET", "/settings/", read_settings, "Read the own settings", answer=SettingsOut),
]
