"""Rows -> answers: note details and lists, as finished JSON."""

from __future__ import annotations

from projections.reading import Query

ITEM = """'{' || n.item || ',"course":' || coalesce(c.card, 'null') || ',"author":' || a.card || '}'"""
JOINS = "JOIN accounts.accounts a ON a.id = n.owner_id LEFT JOIN courses.courses c ON c.id = n.course_id"

_DETAIL = """
SELECT readable, can_edit, CASE WHEN readable THEN convert_to(body, 'UTF8') END
FROM (SELECT true) AS always
LEFT JOIN LATERAL (
    SELECT n.is_public OR n.owner_id = %(viewer)s AS readable,
           n.owner_id IS NOT DISTINCT FROM %(viewer)s AS can_edit,
           '{' || n.item || ',"course":' || coalesce(c.card, 'null') || ',"author":' || a.card
           || ',"can_edit":' || CASE WHEN n.owner_id IS NOT DISTINCT FROM %(viewer)s THEN 'true' ELSE 'false' END
           || ',"content":' || to_json(t.content)::text || '}' AS body
    FROM notes.notes n __JOINS__ JOIN notes.note_texts t ON t.note_id = n.id
    WHERE n.__KEY__ AND n.deleted_at IS NULL
) note ON true"""
_DETAIL_BY_ID = _DETAIL.replace("__JOINS__", JOINS).replace("__KEY__", "id = %(note)s")

_PERSONAL = f"""
SELECT convert_to('{{"results":[' || coalesce(string_agg(page.item, ',' ORDER BY page.last_edit DESC, page.id DESC), '') || ']', 'UTF8'),
       (SELECT count(*) FROM notes.notes WHERE owner_id = %(viewer)s AND deleted_at IS NULL)
FROM (
    SELECT {ITEM} AS item, n.last_edit, n.id
    FROM notes.notes n {JOINS}
    WHERE n.owner_id = %(viewer)s AND n.deleted_at IS NULL
    ORDER BY n.last_edit DESC, n.id DESC LIMIT %(limit)s OFFSET %(offset)s
) page"""


def get_note(note_id: int) -> Query:
    """(readable, can_edit, detail JSON or null); readable is null when there is no such note."""
    return Query(_DETAIL_BY_ID, {"note": note_id})


def list_personal_notes(limit: int, offset: int) -> Query:
    """(JSON of the page's results without the closing brace, number of all matches)."""
    return Query(_PERSONAL, {"limit": limit, "offset": offset})
