"""What an account takes along: everything of its own, what lies in its recycle bin too, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eventstore.events.accounts import DEFAULT_PICTURE
from projections.reading import Query

AT_ONCE = 500
"""Things in a page at most."""
TEXTS_AT_ONCE = 50
WEIGHT = 4 * 2**20
"""Bytes of texts or payloads in a page at most; one that is longer comes alone."""


def _time(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""


def _object(thing: str, members: str) -> str:
    deleted = f"""',"deleted_at":"' || {_time(f"{thing}.deleted_at")} || '"'"""
    return f"SELECT {thing}.id, '{{' || {members} || coalesce({deleted}, '') || '}}' AS object"


_FILED = """{0}.item || ',"course_id":' || coalesce({0}.course_id::text, 'null')"""

# Name of a list -> the kind of its streams, and the caller's things: (id, object as the REST API tells it).
_LISTS: Mapping[str, tuple[str, str]] = {
    "notes": (
        "note",
        _object("n", """n.item || ',"custom_meta":' || to_json(n.custom_meta)::text""")
        + " FROM notes.notes n WHERE n.owner_id = %(viewer)s",
    ),
    "courses": ("course", _object("c", "c.item") + " FROM courses.courses c WHERE c.owner_id = %(viewer)s"),
    "attachments": (
        "attachment",
        _object("t", "btrim(t.item, '{}')") + " FROM attachments.attachments t WHERE t.owner_id = %(viewer)s",
    ),
    "planner_events": ("planner-event", _object("e", _FILED.format("e")) + " FROM planner.events e WHERE e.owner_id = %(viewer)s"),
    "calendar_feeds": ("calendar-feed", _object("f", _FILED.format("f")) + " FROM calendars.feeds f WHERE f.owner_id = %(viewer)s"),
    "note_sessions": (
        "note-session",
        "SELECT s.id, '{' || s.item || '}' AS object FROM note_sessions.sessions s WHERE s.owner_id = %(viewer)s",
    ),
}
LISTS: Sequence[str] = tuple(_LISTS)

_PAGE = f"""
SELECT convert_to(coalesce(string_agg(page.object, E',\\n' ORDER BY page.id), ''), 'UTF8'),
       coalesce(array_agg(page.id ORDER BY page.id), '{{}}')
FROM (SELECT own.id, own.object FROM (__OWN__) own WHERE own.id > %(after)s ORDER BY own.id LIMIT {AT_ONCE}) page"""

# A page ends where it gets too heavy, but not before the first.
_TEXTS = f"""
SELECT convert_to(coalesce(json_agg(json_build_object(
           'id', page.id, 'uuid', page.uuid, 'title', page.title, 'description', page.description, 'category', page.category,
           'author', page.author, 'last_edit', page.last_edit, 'is_deleted', page.is_deleted, 'content', page.content
       ) ORDER BY page.id), '[]')::text, 'UTF8')
FROM (
    SELECT found.*, sum(found.weight) OVER (ORDER BY found.id) AS so_far
    FROM (
        SELECT n.id, n.uuid, n.title, n.description, coalesce(c.title, '') AS category, a.username AS author,
               {_time("n.last_edit")} AS last_edit, n.deleted_at IS NOT NULL AS is_deleted, t.content, octet_length(t.content) AS weight
        FROM notes.notes n JOIN notes.note_texts t ON t.note_id = n.id JOIN accounts.accounts a ON a.id = n.owner_id
        LEFT JOIN courses.courses c ON c.id = n.course_id
        WHERE n.owner_id = %(viewer)s AND n.id > %(after)s ORDER BY n.id LIMIT {TEXTS_AT_ONCE}
    ) found
) page
WHERE page.so_far - page.weight < {WEIGHT}"""

# Credentials in the addresses of calendars are never shown again; the list of calendars tells the rest of these.
_SHOWN = """CASE WHEN page.type IN ('CalendarFeedAdded', 'CalendarFeedSourced')
           THEN (convert_from(page.data, 'UTF8')::jsonb - 'source_url')::text ELSE convert_from(page.data, 'UTF8') END"""
_HISTORY = f"""
SELECT convert_to(coalesce(string_agg(
           '{{"stream":' || to_json(page.stream)::text || ',"version":' || page.version || ',"type":' || to_json(page.type)::text
           || ',"recorded_at":"' || {_time("page.recorded_at")} || '"'
           || ',"channel":' || coalesce((convert_from(page.metadata, 'UTF8')::json -> 'channel')::text, 'null')
           || ',"data":' || {_SHOWN} || '}}', E'\\n' ORDER BY page.stream, page.version), ''), 'UTF8'),
       (array_agg(page.stream ORDER BY page.stream DESC, page.version DESC))[1],
       (array_agg(page.version ORDER BY page.stream DESC, page.version DESC))[1]
FROM (
    SELECT found.*, sum(length(found.data)) OVER (ORDER BY found.stream, found.version) AS so_far
    FROM (
        SELECT e.stream, e.version, e.type, e.recorded_at, e.metadata, e.data FROM log.events e
        WHERE e.stream = ANY(%(streams)s::text[]) AND (e.stream, e.version) > (%(stream)s::text, %(version)s::int) AND length(e.data) > 0
        ORDER BY e.stream, e.version LIMIT {AT_ONCE}
    ) found
) page
WHERE page.so_far - length(page.data) < {WEIGHT}"""

_ACCOUNT = """
SELECT convert_to(a.settings_json, 'UTF8'),
       ARRAY['planner-' || a.id] || ARRAY(
           SELECT 'subscription-' || s.account_id || '-' || s.course_id FROM subscriptions.subscriptions s WHERE s.account_id = a.id)
FROM accounts.accounts a WHERE a.id = %(viewer)s"""

_FILES = f"""
SELECT coalesce(array_agg(DISTINCT own.path) FILTER (WHERE own.path <> ''), '{{}}')
FROM (
    SELECT image_path AS path FROM accounts.accounts
    WHERE id = %(viewer)s AND right(image_path, {len(DEFAULT_PICTURE)}) <> '{DEFAULT_PICTURE}'
    UNION ALL SELECT path FROM attachments.attachments WHERE owner_id = %(viewer)s
    UNION ALL SELECT cover_path FROM notes.notes WHERE owner_id = %(viewer)s
    UNION ALL SELECT cover_path FROM courses.courses WHERE owner_id = %(viewer)s
    UNION ALL SELECT picture ->> 'path' FROM courses.courses, json_array_elements(media::json) picture WHERE owner_id = %(viewer)s
) own"""


def exported_account() -> Query:
    """(settings JSON, names of the account's streams that no list is about)."""
    return Query(_ACCOUNT, {})


def exported_list(name: str, after: int) -> Query:
    """(objects with commas between them, their ids): the next page behind an id."""
    return Query(_PAGE.replace("__OWN__", _LISTS[name][1]), {"after": after})


def streams_of(name: str, ids: Sequence[int]) -> list[str]:
    """The streams of things in a list."""
    kind = _LISTS[name][0]
    return [f"{kind}-{thing}" for thing in ids]


def exported_texts(after: int) -> Query:
    """(JSON list of the next notes behind an id, with their texts)."""
    return Query(_TEXTS, {"after": after})


def exported_history(streams: Sequence[str], stream: str, version: int) -> Query:
    """(events as JSON, a line each, stream and version of the last): those of the streams behind one of them, without what was forgotten.

    The streams have to be the caller's own.
    """
    return Query(_HISTORY, {"streams": list(streams), "stream": stream, "version": version})


def exported_files() -> Query:
    """(paths of the caller's files: attachments, covers, pictures)."""
    return Query(_FILES, {})
