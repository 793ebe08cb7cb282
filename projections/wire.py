"""How values look in answers: times, and the members of objects that are completed when they are served."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson


def offset_time(moment: datetime | None) -> str | None:
    """ISO 8601 with +00:00, microseconds when there are any: the planner's form (contract: planner_platform 1.4)."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def zulu_time(moment: datetime | None) -> str | None:
    """ISO 8601 with Z, microseconds when there are any: the form of notes, courses and feeds."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def fragment(members: dict[str, Any]) -> str:
    """The members of a JSON object without its braces."""
    return orjson.dumps(members)[1:-1].decode()
