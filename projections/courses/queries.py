"""Rows -> answers: courses, alone and in lists, as finished JSON.

Who sees what (contract: notes 3.2, with its Better lines): a course shows public notes to everybody and each author the own
ones. Lists hold the own courses, those that the caller follows, those without an owner and those with a public note, but
never somebody else's Inbox.
"""

from __future__ import annotations

from projections.notes.queries import ITEM, JOINS
from projections.reading import Query

MOST_COURSES = 1000
"""In one list. It has no pages, and nobody follows or owns so many."""
MOST_NOTES = 1000
"""In the list of a course's notes when no page is asked for."""

RECENT_NOTES = f"""
SELECT coalesce(string_agg(recent.item, ',' ORDER BY recent.last_edit DESC, recent.id DESC), '') AS notes
FROM (
    SELECT shown.item, shown.last_edit, shown.id
    FROM (
        (SELECT {ITEM} AS item, n.last_edit, n.id FROM notes.notes n {JOINS}
         WHERE n.course_id = co.id AND n.is_public AND n.deleted_at IS NULL
         ORDER BY n.last_edit DESC, n.id DESC LIMIT 5)
        UNION ALL
        (SELECT {ITEM} AS item, n.last_edit, n.id FROM notes.notes n {JOINS}
         WHERE n.course_id = co.id AND n.owner_id = %(viewer)s AND NOT n.is_public AND n.deleted_at IS NULL
           -- Older ones than the fifth public note are not shown, and so not looked for.
           AND n.last_edit >= coalesce((
               SELECT p.last_edit FROM notes.notes p WHERE p.course_id = co.id AND p.is_public AND p.deleted_at IS NULL
               ORDER BY p.last_edit DESC, p.id DESC OFFSET 4 LIMIT 1), '-infinity')
         ORDER BY n.last_edit DESC, n.id DESC LIMIT 5)
    ) shown
    ORDER BY shown.last_edit DESC, shown.id DESC LIMIT 5
) recent"""

COURSE = """'{' || co.item
    || ',"owner":' || coalesce(owner.card, 'null')
    || ',"is_owned":' || CASE WHEN co.owner_id = %(viewer)s THEN 'true' ELSE 'false' END
    || ',"subscriber_count":'
    || (SELECT count(*) FROM subscriptions.subscriptions every WHERE every.course_id = co.id AND every.is_active)
    || ',"is_subscribed":' || CASE WHEN s.account_id IS NULL THEN 'false' ELSE 'true' END
    || ',"is_private_subscription":' || CASE WHEN s.is_private THEN 'true' ELSE 'false' END
    || ',"last_opened_at":'
    || coalesce(to_json(to_char(s.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))::text, 'null')
    || ',"recent_notes":[' || recent.notes || ']}'"""

COURSE_JOINS = f"""
LEFT JOIN accounts.accounts owner ON owner.id = co.owner_id
LEFT JOIN subscriptions.subscriptions s ON s.course_id = co.id AND s.account_id = %(viewer)s AND s.is_active
CROSS JOIN LATERAL ({RECENT_NOTES}) recent"""

_SHOWN = """
SELECT c.id FROM courses.courses c WHERE c.owner_id = %(viewer)s AND c.deleted_at IS NULL
UNION
SELECT c.id FROM subscriptions.subscriptions f JOIN courses.courses c ON c.id = f.course_id
WHERE f.account_id = %(viewer)s AND f.is_active AND c.deleted_at IS NULL AND NOT c.is_default
UNION
(SELECT c.id FROM courses.courses c
 WHERE NOT c.is_default AND c.deleted_at IS NULL
   AND (c.owner_id IS NULL OR EXISTS (
        SELECT FROM notes.notes p WHERE p.course_id = c.id AND p.is_public AND p.deleted_at IS NULL))
 ORDER BY c.title_key COLLATE "C", c.id LIMIT %(most)s)"""
_OWN = "SELECT c.id FROM courses.courses c WHERE c.owner_id = %(viewer)s AND c.deleted_at IS NULL"
_EVERY = 'SELECT c.id FROM courses.courses c WHERE c.deleted_at IS NULL ORDER BY c.title_key COLLATE "C", c.id LIMIT %(most)s'

_PLACED = """
SELECT c.*, row_number() OVER (
    ORDER BY NOT c.is_default,
             CASE WHEN c.owner_id = %(viewer)s AND NOT c.is_default THEN nullif(c.sort_order, 0) END NULLS LAST,
             CASE WHEN NOT c.is_default THEN coalesce(f.opened_at, f.subscribed_at) END DESC NULLS LAST,
             c.title_key COLLATE "C", c.id
) AS place
FROM (__SHOWN__) shown
JOIN courses.courses c ON c.id = shown.id
LEFT JOIN subscriptions.subscriptions f ON f.course_id = c.id AND f.account_id = %(viewer)s AND f.is_active
ORDER BY place LIMIT %(most)s"""
SHOWN_COURSES = _PLACED.replace("__SHOWN__", _SHOWN)
"""The rows of the courses that the caller is shown, with their `place` in the caller's order; at most %(most)s."""

_LIST = f"""
SELECT convert_to('[' || coalesce(string_agg({COURSE}, ',' ORDER BY co.place), '') || ']', 'UTF8')
FROM ({_PLACED}) co {COURSE_JOINS}"""

_ONE = f"""
SELECT co.owner_id, co.is_default, convert_to({COURSE}, 'UTF8')
FROM (SELECT true) always
LEFT JOIN courses.courses co ON co.id = %(course)s AND co.deleted_at IS NULL {COURSE_JOINS}"""

# Everybody may look at every course, but at a deleted one only who can bring it back.
_CARD = """
SELECT convert_to(c.card, 'UTF8') FROM (SELECT true) always
LEFT JOIN courses.courses c ON c.id = %(course)s AND (c.deleted_at IS NULL OR c.owner_id = %(viewer)s)"""

_NOTES = f"""
SELECT EXISTS (SELECT FROM courses.courses WHERE id = %(course)s AND deleted_at IS NULL),
       convert_to('[' || coalesce(string_agg(page.item, ',' ORDER BY page.last_edit DESC, page.id DESC), '') || ']', 'UTF8'),
       CASE WHEN %(counted)s THEN (
           SELECT count(*) FROM notes.notes n
           WHERE n.course_id = %(course)s AND n.deleted_at IS NULL AND (n.is_public OR n.owner_id = %(viewer)s)
       ) END
FROM (
    SELECT {ITEM} AS item, n.last_edit, n.id
    FROM notes.notes n {JOINS}
    WHERE n.course_id = %(course)s AND n.deleted_at IS NULL AND (n.is_public OR n.owner_id = %(viewer)s)
    ORDER BY n.last_edit DESC, n.id DESC LIMIT %(limit)s OFFSET %(offset)s
) page"""


def list_courses(most: int = MOST_COURSES) -> Query:
    """(JSON list of the courses that the caller is shown, in the caller's order)."""
    return Query(_LIST.replace("__SHOWN__", _SHOWN), {"most": most})


def list_own_courses() -> Query:
    """(JSON list of the caller's own courses, the Inbox first)."""
    return Query(_LIST.replace("__SHOWN__", _OWN), {"most": MOST_COURSES})


def list_every_course() -> Query:
    """(JSON list of the courses of everybody, for staff)."""
    return Query(_LIST.replace("__SHOWN__", _EVERY), {"most": MOST_COURSES})


def get_course(course_id: int) -> Query:
    """(owner, is it an Inbox, course JSON); the JSON is null when there is no such course."""
    return Query(_ONE, {"course": course_id})


def get_course_card(course_id: int) -> Query:
    """(JSON of id, title and slug, as notes show their course); null when the caller may not see the course."""
    return Query(_CARD, {"course": course_id})


def list_course_notes(course_id: int, limit: int | None, offset: int) -> Query:
    """(is there such a course, JSON list, number of all notes that the caller may see or null when no page was asked for)."""
    page = {"limit": MOST_NOTES if limit is None else limit, "offset": offset, "counted": limit is not None}
    return Query(_NOTES, {"course": course_id, **page})
