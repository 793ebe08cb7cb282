"""Rows -> answers: one note, its blocks, the recycle bin, as finished JSON."""

from __future__ import annotations

from functools import partial
from typing import Any

from projections.notes.projector import NOTES, TEXTS
from projections.notes.rendering import detail
from projections.reading import Query, Rest, Written

ITEM = """'{' || n.item || ',"course":' || coalesce(c.card, 'null') || ',"author":' || a.card || '}'"""
JOINS = "JOIN accounts.accounts a ON a.id = n.owner_id LEFT JOIN courses.courses c ON c.id = n.course_id"


def _name(course: str, name: str, note: str) -> str:
    """The n-th note of the same name in a course gets -n, oldest first. It gets -id behind the twentieth, where counting would take
    long, and where a note is called so by its own title.
    """
    return f"""
CASE WHEN {course} IS NULL OR {name} = '' THEN ''
ELSE {name} || (
    SELECT CASE WHEN place = 1 THEN ''
                WHEN place = 20 OR EXISTS (
                    SELECT FROM notes.notes other WHERE other.course_id = {course} AND other.name = {name} || '-' || place
                ) THEN '-' || {note}
                ELSE '-' || place END
    FROM (SELECT count(*) + 1 AS place
          FROM (SELECT FROM notes.notes older
                WHERE older.course_id = {course} AND older.name = {name} AND older.id < {note} LIMIT 19) few) placed) END"""


_DETAIL = f"""
SELECT readable, can_edit, CASE WHEN readable THEN convert_to(body, 'UTF8') END, version
FROM (SELECT true) AS always
LEFT JOIN LATERAL (
    SELECT coalesce(n.is_public OR n.owner_id = %(viewer)s, false) AS readable,
           n.owner_id IS NOT DISTINCT FROM %(viewer)s AS can_edit,
           n.mark AS version,
           '{{' || n.item || ',"course":' || coalesce(c.card, 'null') || ',"author":' || a.card
           || ',"can_edit":' || CASE WHEN n.owner_id IS NOT DISTINCT FROM %(viewer)s THEN 'true' ELSE 'false' END
           || ',"content":' || to_json(t.content)::text || ',"blocks":' || t.blocks
           || ',"custom_meta":' || to_json(n.custom_meta)::text || ',"name":' || to_json({_name("n.course_id", "n.name", "n.id")})::text
           || ',"offline_source_note_id":' || coalesce(n.offline_source_id::text, 'null') || '}}' AS body
    FROM notes.notes n {JOINS} JOIN notes.note_texts t ON t.note_id = n.id
    WHERE n.__KEY__ AND n.deleted_at IS NULL
) note ON true"""
_DETAIL_BY_ID = _DETAIL.replace("__KEY__", "id = %(note)s")
_DETAIL_BY_UUID = _DETAIL.replace("__KEY__", "uuid = %(note)s")

_SURROUNDINGS = f"""
SELECT (SELECT card FROM accounts.accounts WHERE id = %(owner)s), (SELECT card FROM courses.courses WHERE id = %(course)s::bigint),
       {_name("%(course)s::bigint", "%(name)s::text", "%(note)s::bigint")}"""

_BLOCKS = """
SELECT readable, CASE WHEN readable THEN convert_to(blocks, 'UTF8') END
FROM (SELECT true) AS always
LEFT JOIN LATERAL (
    SELECT coalesce(n.is_public OR n.owner_id = %(viewer)s, false) AS readable, t.blocks
    FROM notes.notes n JOIN notes.note_texts t ON t.note_id = n.id
    WHERE n.id = %(note)s AND n.deleted_at IS NULL
) note ON true"""

_BIN = f"""
SELECT convert_to('[' || coalesce(string_agg(
    '{{' || n.item || ',"course":' || coalesce(c.card, 'null') || ',"author":' || a.card
    || ',"deleted_at":"' || to_char(n.deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00"'
    || coalesce(',"restorable_until":"' || to_char(
        (n.deleted_at + %(days)s::int * interval '24 hours') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00"', '')
    || ',"recycle_bin_entry_id":' || n.id || '}}',
    ',' ORDER BY n.deleted_at DESC, n.id DESC), '') || ']', 'UTF8')
FROM notes.notes n {JOINS}
WHERE n.owner_id = %(viewer)s AND n.deleted_at IS NOT NULL"""

_ACCESS = """
SELECT readable, can_edit, id, version
FROM (SELECT true) AS always
LEFT JOIN LATERAL (
    SELECT coalesce(n.is_public OR n.owner_id = %(viewer)s, false) AS readable,
           n.owner_id IS NOT DISTINCT FROM %(viewer)s AS can_edit, n.id, n.mark AS version
    FROM notes.notes n WHERE n.__KEY__ AND n.deleted_at IS NULL
) note ON true"""
_ACCESS_BY_ID = _ACCESS.replace("__KEY__", "id = %(note)s")
_ACCESS_BY_UUID = _ACCESS.replace("__KEY__", "uuid = %(note)s")

_ITEM = f"SELECT convert_to({ITEM}, 'UTF8') FROM notes.notes n {JOINS} WHERE n.id = %(note)s"


def get_note(note_id: int) -> Query:
    """(readable, can_edit, detail JSON or null, version); readable is null when there is no such note."""
    return Query(_DETAIL_BY_ID, {"note": note_id}, partial(_of_rows, note_id))


def _of_rows(note_id: int, written: Written, viewer: int | None) -> Rest | None:
    """The same of a note that was just saved: only what does not stand in its rows is asked."""
    note, text = written(NOTES, note_id), written(TEXTS, note_id)
    if note is None or text is None or note.deleted_at is not None:
        return None
    is_own = note.owner_id == viewer
    around = Query(_SURROUNDINGS, {"owner": note.owner_id, "course": note.course_id, "name": note.name, "note": note_id})

    def complete(row: tuple[Any, ...]) -> tuple[Any, ...]:
        readable = note.is_public or is_own
        return readable, is_own, detail(note, text, is_own, *row) if readable else None, note.mark

    return Rest(around, complete)


def get_note_by_uuid(uuid: str) -> Query:
    """The same by uuid."""
    return Query(_DETAIL_BY_UUID, {"note": uuid})


def get_blocks(note_id: int) -> Query:
    """(readable, JSON list of blocks or null); readable is null when there is no such note."""
    return Query(_BLOCKS, {"note": note_id})


def get_access(note_id: int | None = None, uuid: str | None = None) -> Query:
    """(readable, can_edit, id, version) of a note by id or uuid; readable is null when there is no such note."""
    return Query(_ACCESS_BY_ID, {"note": note_id}) if uuid is None else Query(_ACCESS_BY_UUID, {"note": uuid})


def list_deleted_notes(days: int | None = None) -> Query:
    """(JSON list of the caller's notes in the recycle bin, latest deletion first). days: how long they are kept there, None for ever."""
    return Query(_BIN, {"days": days})


def get_note_item(note_id: int) -> Query:
    """(list item JSON) of a note that the caller has just changed."""
    return Query(_ITEM, {"note": note_id})
