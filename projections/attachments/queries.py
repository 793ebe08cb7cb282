"""Rows -> answers: a note's attachments, and what the media route has to know about a stored file."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from projections.reading import Query

MOST_ATTACHMENTS = 1000
"""In one list, which has no pages."""


class Media(NamedTuple):
    """What is known of a stored file, all null that does not concern its kind: attachment, picture of an account, or neither."""

    is_attachment: bool
    is_readable: bool
    media_type: str
    filename: str
    size: int
    sha256: str
    since: datetime
    """Of the upload, or of the account's registration."""
    account_id: int | None
    username: str


_NOTE = """
SELECT n.id, coalesce(n.is_public OR n.owner_id = %(viewer)s, false) AS readable,
       n.owner_id IS NOT DISTINCT FROM %(viewer)s AS is_own
FROM notes.notes n WHERE n.__KEY__ = %(note)s AND n.deleted_at IS NULL"""

_ACCESS = f"SELECT note.id, note.readable, note.is_own FROM (SELECT true) always LEFT JOIN ({_NOTE}) note ON true"

_LIST = f"""
SELECT note.id, note.readable, CASE WHEN note.readable THEN convert_to((
    SELECT '[' || coalesce(string_agg(file.item, ',' ORDER BY file.id DESC), '') || ']'
    FROM (
        SELECT t.item, t.id FROM attachments.attachments t
        WHERE t.note_id = note.id AND t.deleted_at IS NULL ORDER BY t.id DESC LIMIT {MOST_ATTACHMENTS}
    ) file
), 'UTF8') END
FROM (SELECT true) always LEFT JOIN ({_NOTE}) note ON true"""

_ONE = f"""
SELECT note.id, note.readable, CASE WHEN note.readable THEN (
    SELECT convert_to(t.item, 'UTF8') FROM attachments.attachments t
    WHERE t.id = %(attachment)s AND t.note_id = note.id AND t.deleted_at IS NULL
) END
FROM (SELECT true) always LEFT JOIN ({_NOTE}) note ON true"""

_MADE = "SELECT convert_to(item, 'UTF8') FROM attachments.attachments WHERE id = %(attachment)s"

# Where people upload, only what something names is there for readers: not what was purged, and whose bytes are still to be removed.
_MEDIA = """
SELECT t.id IS NOT NULL, CASE
           WHEN t.id IS NOT NULL THEN t.deleted_at IS NULL
           WHEN starts_with(%(path)s::text, 'user_upload/') THEN a.id IS NOT NULL OR EXISTS (
               SELECT FROM attachments.covers
               WHERE note_id = substring(%(path)s FROM '/notes/note_([0-9]{1,18})/')::bigint AND paths::jsonb ? %(path)s
           )
           ELSE true
       END,
       t.media_type, t.filename, t.size, t.sha256, coalesce(t.created_at, a.registered_at), a.id, a.username
FROM (SELECT true) always
LEFT JOIN attachments.attachments t ON t.path = %(path)s
LEFT JOIN accounts.accounts a ON a.is_verified AND a.image_path = %(path)s
    AND a.id = substring(%(path)s FROM '^user_upload/user_([0-9]{1,18})/')::bigint"""


def _of(note: int | UUID, sql: str, **more: object) -> Query:
    by_uuid = isinstance(note, UUID)
    return Query(sql.replace("__KEY__", "uuid" if by_uuid else "id"), {"note": str(note) if by_uuid else note, **more})


def note_access(note: int | UUID) -> Query:
    """(note id or null when there is none, may the caller read it, is it the caller's own)."""
    return _of(note, _ACCESS)


def list_attachments(note: int | UUID) -> Query:
    """(note id or null, readable, JSON list newest first or null)."""
    return _of(note, _LIST)


def get_attachment(note: int | UUID, attachment_id: int) -> Query:
    """(note id or null, readable, JSON or null)."""
    return _of(note, _ONE, attachment=attachment_id)


def made_attachment(attachment_id: int) -> Query:
    """(JSON) of an attachment that the caller has just made or restored."""
    return Query(_MADE, {"attachment": attachment_id})


def find_media(path: str) -> Query:
    """The values of a Media."""
    return Query(_MEDIA, {"path": path})
