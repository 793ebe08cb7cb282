"""Rows -> answers: note sessions as finished JSON. Sessions of notes that are gone for good are not shown."""

from __future__ import annotations

from projections.reading import Query

JOINS = "JOIN notes.notes n ON n.id = s.note_id LEFT JOIN courses.courses c ON c.id = n.course_id AND c.deleted_at IS NULL"
SESSION_OBJECT = """'{' || s.item || ',"course_id":' || coalesce(c.id::text, 'null') || '}'"""

_SESSION = f"""
SELECT (SELECT convert_to({SESSION_OBJECT}, 'UTF8') FROM note_sessions.sessions s {JOINS}
        WHERE s.id = %(session)s AND s.owner_id = %(viewer)s)"""

_SESSIONS = f"""
SELECT convert_to('[' || coalesce(string_agg(page.body, ',' ORDER BY page.started_at DESC, page.id DESC), '') || ']', 'UTF8')
FROM (
    SELECT {SESSION_OBJECT} AS body, s.started_at, s.id FROM note_sessions.sessions s {JOINS}
    WHERE s.owner_id = %(viewer)s AND __NOTE__
    ORDER BY s.started_at DESC, s.id DESC LIMIT %(limit)s
) page"""
_ALL_SESSIONS = _SESSIONS.replace("__NOTE__", "true")
_SESSIONS_OF_NOTE = _SESSIONS.replace("__NOTE__", "s.note_id = %(note)s")


def get_note_session(session_id: int) -> Query:
    """(the session object or null)."""
    return Query(_SESSION, {"session": session_id})


def list_note_sessions(limit: int, note_id: int | None = None) -> Query:
    """(array of session objects, newest start first)."""
    if note_id is None:
        return Query(_ALL_SESSIONS, {"limit": limit})
    return Query(_SESSIONS_OF_NOTE, {"limit": limit, "note": note_id})
