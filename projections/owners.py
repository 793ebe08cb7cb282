"""Whose things streams are about, for many of them at once."""

from __future__ import annotations

from collections.abc import Iterable

from eventstore.events.base import stream_kind, stream_number
from projections.reading import Query

OWNED = {
    "note": "notes.notes",
    "course": "courses.courses",
    "attachment": "attachments.attachments",
    "planner-event": "planner.events",
    "note-session": "note_sessions.sessions",
    "calendar-feed": "calendars.feeds",
}
"""Kinds of streams, and the tables that tell their owners."""
_OF_A_KIND = "SELECT '{kind}-' || id AS stream, owner_id FROM {table} WHERE id = ANY(%({kind})s::bigint[]) AND owner_id IS NOT NULL"
_OWNERS = f"""
SELECT coalesce(array_agg(stream), '{{}}'), coalesce(array_agg(owner_id), '{{}}')
FROM ({" UNION ALL ".join(_OF_A_KIND.format(kind=kind, table=table) for kind, table in OWNED.items())}) found"""


def owners_of(streams: Iterable[str]) -> Query:
    """(streams, account ids of their owners), of those that there are and that belong to somebody."""
    ids: dict[str, list[int]] = {kind: [] for kind in OWNED}
    for stream in streams:
        kind = stream_kind(stream)
        if kind in ids:
            ids[kind].append(stream_number(stream))
    return Query(_OWNERS, dict(ids))
