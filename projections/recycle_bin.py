"""What lies in the caller's recycle bin, of every kind, as finished JSON."""

from __future__ import annotations

from projections.reading import Query

MOST = 1000
"""Entries of each kind, the latest first."""

# id, title and deleted_at of everything of the caller that can be restored.
_KINDS = {
    "note": "SELECT n.id, n.title, n.deleted_at FROM notes.notes n WHERE n.owner_id = %(viewer)s AND n.deleted_at IS NOT NULL",
    "course": "SELECT c.id, c.title, c.deleted_at FROM courses.courses c WHERE c.owner_id = %(viewer)s AND c.deleted_at IS NOT NULL",
    "attachment": (
        "SELECT t.id, t.filename AS title, t.deleted_at FROM attachments.attachments t"
        " WHERE t.owner_id = %(viewer)s AND t.deleted_at IS NOT NULL"
    ),
    "calendar": "SELECT f.id, f.title, f.deleted_at FROM calendars.feeds f WHERE f.owner_id = %(viewer)s AND f.deleted_at IS NOT NULL",
    "event": "SELECT e.id, e.title, e.deleted_at FROM planner.events e WHERE e.owner_id = %(viewer)s AND e.deleted_at IS NOT NULL",
}

_ENTRIES = " UNION ALL ".join(
    f"(SELECT '{kind}' AS kind, entry.* FROM ({sql}) entry ORDER BY entry.deleted_at DESC, entry.id DESC LIMIT {MOST})"
    for kind, sql in _KINDS.items()
)

_LIST = f"""
SELECT convert_to('[' || coalesce(string_agg(json_build_object(
    'kind', entry.kind, 'id', entry.id, 'title', entry.title,
    'deleted_at', to_char(entry.deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
)::text, ',' ORDER BY entry.deleted_at DESC, entry.id DESC), '') || ']', 'UTF8')
FROM ({_ENTRIES}) entry"""


def list_recycle_bin() -> Query:
    """(JSON list of {kind, id, title, deleted_at}, latest deletion first)."""
    return Query(_LIST, {})
