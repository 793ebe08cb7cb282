"""Notes that contain a piece of text, for assistants (contract: mcp 7, list_notes and search_notes)."""

from __future__ import annotations

from projections.notes.lists import Wanted, list_notes
from projections.notes.queries import ITEM, JOINS
from projections.reading import Query

MOST_OF_OTHERS = 2_000
"""Public notes of other people, the newest ones, that are looked through."""

_MATCHING = f"""
WITH matching AS MATERIALIZED (
    SELECT n.id, n.last_edit
    FROM (
        SELECT * FROM notes.notes WHERE owner_id = %(viewer)s AND deleted_at IS NULL
        UNION ALL
        (SELECT * FROM notes.notes
         WHERE %(everybody)s AND is_public AND deleted_at IS NULL AND owner_id IS DISTINCT FROM %(viewer)s
         ORDER BY last_edit DESC, id DESC LIMIT {MOST_OF_OTHERS})
    ) n JOIN notes.note_texts t ON t.note_id = n.id
    WHERE (%(course)s::bigint IS NULL OR n.course_id = %(course)s)
      AND (strpos(lower(n.title), lower(%(text)s)) > 0 OR strpos(lower(t.content), lower(%(text)s)) > 0)
    ORDER BY n.last_edit DESC, n.id DESC LIMIT %(most)s
)
SELECT convert_to('[' || coalesce(string_agg({ITEM}, ',' ORDER BY n.last_edit DESC, n.id DESC), '') || ']', 'UTF8'),
       (SELECT count(*) FROM matching), (SELECT count(*) FROM matching) > %(limit)s + %(offset)s
FROM (SELECT * FROM matching ORDER BY last_edit DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s) page
JOIN notes.notes n ON n.id = page.id {JOINS}"""

MOST_COUNTED = 100_000
"""Totals are exact up to here."""


def find_notes(
    text: str | None, limit: int, offset: int, *, course_id: int | None = None, everybody: bool = False, most: int = MOST_COUNTED
) -> Query:
    """(JSON list, number of all matches, whether there are more behind these), the latest edit first.

    everybody: with public notes of other people. Without a text all own notes match.
    """
    if text is None:
        return list_notes(Wanted(course_id=course_id), "edited", limit, offset)
    params = {"text": text, "course": course_id, "everybody": everybody, "limit": limit, "offset": offset, "most": most}
    return Query(_MATCHING, params)
