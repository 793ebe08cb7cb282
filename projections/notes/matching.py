"""Notes that contain a piece of text, for assistants (contract: mcp 7, list_notes and search_notes)."""

from __future__ import annotations

from projections.notes.queries import ITEM, JOINS
from projections.reading import Query

_MATCHING = f"""
WITH matching AS MATERIALIZED (
    SELECT n.id, n.last_edit FROM notes.notes n JOIN notes.note_texts t ON t.note_id = n.id
    WHERE n.deleted_at IS NULL AND (n.owner_id = %(viewer)s OR %(everybody)s AND n.is_public)
      AND (%(course)s::bigint IS NULL OR n.course_id = %(course)s)
      AND (%(text)s::text IS NULL OR strpos(lower(n.title), lower(%(text)s)) > 0 OR strpos(lower(t.content), lower(%(text)s)) > 0)
    ORDER BY n.last_edit DESC, n.id DESC LIMIT %(most)s
)
SELECT convert_to('[' || coalesce(string_agg({ITEM}, ',' ORDER BY n.last_edit DESC, n.id DESC), '') || ']', 'UTF8'),
       (SELECT count(*) FROM matching)
FROM (SELECT * FROM matching ORDER BY last_edit DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s) page
JOIN notes.notes n ON n.id = page.id {JOINS}"""

MOST_COUNTED = 100_000
"""Totals are exact up to here."""


def find_notes(
    text: str | None, limit: int, offset: int, *, course_id: int | None = None, everybody: bool = False, most: int = MOST_COUNTED
) -> Query:
    """(JSON list, number of all matches), the latest edit first. everybody: with public notes of other people."""
    params = {"text": text, "course": course_id, "everybody": everybody, "limit": limit, "offset": offset, "most": most}
    return Query(_MATCHING, params)
