"""How values look in answers: times, and the members of objects that are completed when they are served."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson


def offset_time(moment: datetime | None) -> str | None:
    """ISO 8601 with +00:00, microseconds when there are any: the planner's form (contract: planner_platform 1.4)."""
    return None if moment is None else _in_utc(moment).isoformat()


def zulu_time(moment: datetime | None) -> str | None:
    """ISO 8601 with Z, microseconds when there are any: the form of notes, courses and feeds."""
    return None if moment is None else orjson.dumps(_in_utc(moment), option=orjson.OPT_UTC_Z)[1:-1].decode()


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def fragment(members: dict[str, Any]) -> str:
    """The members of a JSON object without its braces."""
    return orjson.dumps(members)[1:-1].decode()


ORIGIN_MARK = b"\x1a"
"""Stands in finished JSON for scheme and host of media addresses; no valid JSON text contains this byte."""


def resolved(text: str | bytes, origin: str) -> bytes:
    """The finished JSON with the origin of media put in its places."""
    content = text.encode() if isinstance(text, str) else text
    return content.replace(ORIGIN_MARK, origin.encode()) if ORIGIN_MARK in content else content
