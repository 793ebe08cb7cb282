"""The parts of a note's answer that are computed from its text and metadata."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

EXCERPT_LENGTH = 220
PREVIEW_LINES = 3


def excerpt(content: str, description: str | None) -> str:
    """The beginning of the text without its heading line, else of the description (contract: notes 6.5)."""
    text = content.strip()
    if text.startswith("# "):
        heading, line_break, rest = text.partition("\n")
        if line_break:
            text = rest.strip()
        del heading
    if content.strip():
        return text[:EXCERPT_LENGTH]
    return (description or "")[:EXCERPT_LENGTH]


def preview_lines(content: str) -> list[str]:
    """The first three lines with text, a heading at the top left out, each cut to 220 characters."""
    lines: list[str] = []
    first = True
    start = 0
    while start <= len(content) and len(lines) < PREVIEW_LINES:
        end = content.find("\n", start)
        end = len(content) if end < 0 else end
        line = content[start:end].strip()
        start = end + 1
        if line:
            if not (first and line.startswith("# ")):
                lines.append(line[:EXCERPT_LENGTH])
            first = False
    return lines


def served_metadata(metadata_json: str, description: str | None, course_id: int | None, is_public: bool) -> str:
    """The clients' metadata text with the true description, course and visibility in it, since clients save back
    what they find there; text that is no JSON object comes back as it was."""
    try:
        metadata = orjson.loads(metadata_json)
    except ValueError:
        return metadata_json
    if not isinstance(metadata, dict):
        return metadata_json
    metadata.update(description=description or "", course_id=course_id, is_public=is_public)
    return orjson.dumps(metadata).decode()


def wire_time(moment: datetime) -> str:
    """ISO 8601 in UTC with Z; microseconds when there are any."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def fragment(members: dict[str, Any]) -> str:
    """The members of a JSON object without its braces, to be completed when it is served."""
    return orjson.dumps(members)[1:-1].decode()
