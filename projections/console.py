"""What staff look at in the console: accounts, courses, events with what caused them, streams, mails, feeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow, dict_row
from psycopg_pool import ConnectionPool

from projections.callers import LIVE, SEEN_AT

Pool = ConnectionPool[Connection[TupleRow]]
Rows = list[dict[str, Any]]

PAGE = 50
REACH = 100_000
"""So many positions are searched at once for what no index finds; the next page goes on from there."""

_EVENT = """
e.position, e.stream, e.version, e.type, e.recorded_at, length(e.data) = 0 AS forgotten,
convert_from(e.metadata, 'UTF8')::json AS metadata"""
_DATA = "CASE WHEN length(e.data) = 0 THEN NULL ELSE convert_from(e.data, 'UTF8')::json END AS data"
_EVENTS = f"""
SELECT {_EVENT} FROM log.events e
WHERE e.position < %(before)s AND (%(stream)s <> '' OR e.position >= %(before)s - %(reach)s)
  AND (%(stream)s = '' OR e.stream = %(stream)s) AND (%(type)s = '' OR e.type = %(type)s)
  AND (%(actor)s::bigint IS NULL OR (convert_from(e.metadata, 'UTF8')::json ->> 'actor')::bigint = %(actor)s)
ORDER BY e.position DESC LIMIT %(limit)s"""
_ONE_EVENT = f"SELECT {_EVENT}, {_DATA} FROM log.events e WHERE e.position = %(position)s"
# Events of one command lie close together; what reacts to an event comes soon after it.
_SAME_COMMAND = f"""
SELECT {_EVENT} FROM log.events e
WHERE e.position BETWEEN %(position)s - 5000 AND %(position)s + 5000 AND e.position <> %(position)s
  AND convert_from(e.metadata, 'UTF8')::json ->> 'command' = %(command)s ORDER BY e.position LIMIT %(limit)s"""
_CAUSED = f"""
SELECT {_EVENT} FROM log.events e
WHERE e.position BETWEEN %(position)s + 1 AND %(position)s + %(reach)s
  AND convert_from(e.metadata, 'UTF8')::json ->> 'causation' = %(position)s::text ORDER BY e.position LIMIT %(limit)s"""
_STREAM = f"""
SELECT {_EVENT}, {_DATA} FROM log.events e WHERE e.stream = %(stream)s AND e.version <= %(before)s
ORDER BY e.version DESC LIMIT %(limit)s"""
_LAST_VERSION = "SELECT coalesce(max(version), 0) AS version FROM log.events WHERE stream = %(stream)s"

_STATE = "CASE WHEN a.is_disabled THEN 'disabled' WHEN a.is_verified THEN 'active' ELSE 'pending' END AS state"
_ACCOUNTS = f"""
SELECT a.id, a.username, a.email, a.is_staff, a.is_superuser, a.registered_at, {_STATE},
       greatest((SELECT max({SEEN_AT}) FROM sessions.sessions s WHERE s.account_id = a.id),
                (SELECT max(r.started_at) FROM sessions.retired r WHERE r.account_id = a.id)) AS seen_at
FROM accounts.accounts a
WHERE a.id > %(after)s AND (%(like)s = '' OR a.username ILIKE %(like)s OR a.email ILIKE %(like)s OR a.id::text = %(text)s)
ORDER BY a.id LIMIT %(limit)s"""
_ACCOUNT = f"""
SELECT a.id, a.username, a.email, a.is_staff, a.is_superuser, a.registered_at, a.api_key_prefix, {_STATE},
       a.password_hash IS NOT NULL AND a.password_hash NOT LIKE '!%%' AS has_password,
       (SELECT count(*) FROM notes.notes n WHERE n.owner_id = a.id) AS notes,
       (SELECT count(*) FROM courses.courses c WHERE c.owner_id = a.id AND c.deleted_at IS NULL) AS courses,
       (SELECT coalesce(json_agg(l.provider ORDER BY l.provider), '[]') FROM accounts.social_links l WHERE l.account_id = a.id) AS links
FROM accounts.accounts a WHERE a.id = %(id)s"""
_SESSIONS = f"""
SELECT s.id, s.device_label, s.user_agent, s.started_at, {SEEN_AT} AS seen_at
FROM sessions.sessions s JOIN accounts.accounts a ON a.id = s.account_id
WHERE a.id = %(id)s AND {LIVE} ORDER BY seen_at DESC LIMIT %(limit)s"""
_COURSES = """
SELECT c.id, c.title, c.slug, c.owner_id, a.username, c.is_default, c.deleted_at, c.last_edit,
       (SELECT count(*) FROM notes.notes n WHERE n.course_id = c.id) AS notes
FROM courses.courses c LEFT JOIN accounts.accounts a ON a.id = c.owner_id
WHERE c.id > %(after)s AND (%(like)s = '' OR c.title ILIKE %(like)s OR c.slug ILIKE %(like)s OR a.username ILIKE %(like)s)
ORDER BY c.id LIMIT %(limit)s"""
_FEEDS = """
SELECT f.id, f.owner_id, f.title, f.is_enabled, s.fetched_at, s.tried_at, s.next_at, coalesce(s.failures, 0) AS failures,
       coalesce(s.gone, false) AS gone, coalesce(s.error, '') AS error,
       substring(coalesce(s.url, f.source_url) from '^[a-z]+://(?:[^/?#]*@)?([^/?#@]*)') AS host
FROM calendars.feeds f LEFT JOIN feeds.sources s ON s.digest = f.source_digest
WHERE f.deleted_at IS NULL ORDER BY (s.error IS NULL), f.id LIMIT %(limit)s OFFSET %(skip)s"""


def log_head(pool: Pool) -> int:
    """The newest position."""
    [row] = _ask(pool, "SELECT coalesce(max(position), 0) AS head FROM log.events", {})
    return int(row["head"])


def search_events(pool: Pool, *, stream: str, event_type: str, actor: int | None, before: int) -> Rows:
    """The newest events before a position that fit; without a stream among the last REACH positions."""
    return _ask(pool, _EVENTS, {"stream": stream, "type": event_type, "actor": actor, "before": before, "reach": REACH})


def get_event(pool: Pool, position: int) -> dict[str, Any] | None:
    """One event with its payload; with `cause`, the events of the `same_command`, and those that it has `caused`."""
    found = _ask(pool, _ONE_EVENT, {"position": position})
    if not found:
        return None
    [event] = found
    about = event["metadata"]
    cause = _ask(pool, _ONE_EVENT, {"position": about["causation"]}) if about.get("causation") else []
    same = _ask(pool, _SAME_COMMAND, {"position": position, "command": about.get("command", "")}) if about.get("command") else []
    caused = _ask(pool, _CAUSED, {"position": position, "reach": REACH})
    return {**event, "cause": cause, "same_command": same, "caused": caused}


def get_stream(pool: Pool, stream: str, before: int) -> tuple[int, Rows]:
    """The last version of a stream (0: there is none), and its events up to a version, newest first."""
    [last] = _ask(pool, _LAST_VERSION, {"stream": stream})
    return int(last["version"]), _ask(pool, _STREAM, {"stream": stream, "before": before})


def search_accounts(pool: Pool, text: str, after: int) -> Rows:
    """Accounts by part of name or address, or by number."""
    return _ask(pool, _ACCOUNTS, {"like": _like(text), "text": text, "after": after})


def get_account(pool: Pool, account_id: int) -> dict[str, Any] | None:
    """One account with its live `sessions`."""
    found = _ask(pool, _ACCOUNT, {"id": account_id})
    return {**found[0], "sessions": _ask(pool, _SESSIONS, {"id": account_id})} if found else None


def search_courses(pool: Pool, text: str, after: int) -> Rows:
    """Courses by part of title, slug or owner."""
    return _ask(pool, _COURSES, {"like": _like(text), "after": after})


def list_feeds(pool: Pool, skip: int) -> Rows:
    """Calendar feeds, those in trouble first; of their addresses the host only, since the rest often is a key."""
    return _ask(pool, _FEEDS, {"skip": skip})


def _like(text: str) -> str:
    if not text:
        return ""
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"


def _ask(pool: Pool, sql: str, parameters: Mapping[str, object]) -> Rows:
    with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql.encode(), {"limit": PAGE, **parameters}).fetchall()
