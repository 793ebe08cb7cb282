"""The notes that somebody touched last (contract: planner_platform 6)."""

from __future__ import annotations

from projections.notes.queries import ITEM, JOINS
from projections.reading import Query

MOST = 10

_RECENT = f"""
SELECT convert_to('[' || coalesce(string_agg(page.item, ',' ORDER BY page.last_edit DESC, page.id DESC), '') || ']', 'UTF8')
FROM (
    SELECT {ITEM} AS item, n.last_edit, n.id
    FROM notes.notes n {JOINS}
    WHERE n.owner_id = %(viewer)s AND n.deleted_at IS NULL
    ORDER BY n.last_edit DESC, n.id DESC LIMIT {MOST}
) page"""


def list_recent_notes() -> Query:
    """(array of the caller's notes, the newest edit first; none for anonymous callers)."""
    return Query(_RECENT, {})
