"""What a caller expects of the thing that it changes: If-Match over REST, expected_version of the assistants' tools."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from commands.errors import PreconditionFailed
from commands.handling import Work
from eventstore.iso8601 import without_zone

ANY = "*"


def require_version(work: Work[Any], *known: datetime | int | str | None) -> None:
    """Raises PreconditionFailed unless the caller expects nothing or names one of these versions of the thing.

    known: times of the last edit, numbers or names; the last one is told to callers that expected something else.
    """
    expected = work.context.expects
    if expected is None:
        return
    named = {tag.strip().removeprefix("W/").strip('"') for tag in expected.split(",")}
    versions = [as_version(one) for one in known]
    if ANY not in named and not {without_zone(tag) for tag in named} & {without_zone(one) for one in versions}:
        raise PreconditionFailed(
            {
                "detail": f"Changed meanwhile: its version is now {versions[-1]}. Read it again, then decide anew.",
                "version": versions[-1],
            }
        )


def as_version(known: datetime | int | str | None) -> str:
    """A version as clients see it; of a time of an edit the form with offset."""
    return known.astimezone(UTC).isoformat() if isinstance(known, datetime) else str(known or "")
