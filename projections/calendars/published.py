"""What a secret calendar address gives out: its state for conditional requests, and the plans and sittings themselves."""

from __future__ import annotations

from projections.reading import Query

MOST = 5000
"""Of each kind, the latest."""

# The last change is that of the owner, whatever it was: a row that is gone, or the zone, has no time of its own.

_ADDRESS = """
SELECT a.id, a.owner_id, a.includes_sessions, p.zone, account.username,
       a.used_at IS NULL OR a.used_at < now() - interval '1 hour',
       md5(coalesce(p.zone, '') || ':' || a.includes_sessions || ':' || account.username
           || coalesce((SELECT string_agg(e.id || '.' || e.mark, ',' ORDER BY e.id) FROM planner.events e
                        WHERE e.owner_id = a.owner_id AND e.deleted_at IS NULL), '') || '/'
           || coalesce((SELECT string_agg(s.id || '.' || s.mark, ',' ORDER BY s.id) FROM note_sessions.sessions s
                        JOIN notes.notes n ON n.id = s.note_id
                        WHERE s.owner_id = a.owner_id AND a.includes_sessions), '')),
       greatest(a.made_at, (SELECT max(last_edit) FROM planner.events WHERE owner_id = a.owner_id),
                (SELECT max(last_edit) FROM note_sessions.sessions WHERE owner_id = a.owner_id),
                (SELECT recorded_at FROM log.events WHERE actor = a.owner_id ORDER BY position DESC LIMIT 1))
FROM (SELECT true) AS always
LEFT JOIN calendars.addresses a ON a.token_digest = %(digest)s
LEFT JOIN accounts.accounts account ON account.id = a.owner_id AND account.is_active
LEFT JOIN planner.planners p ON p.account_id = a.owner_id"""

_ENTRIES = f"""
SELECT coalesce((SELECT json_agg(entry ORDER BY entry.starts_at, entry.kind, entry.id)::text FROM (
    (SELECT 'planner-event' AS kind, id, mark, title, coalesce(description, '') AS description, starts_at, ends_at, created_at, last_edit
     FROM planner.events WHERE owner_id = %(owner)s AND deleted_at IS NULL ORDER BY starts_at DESC LIMIT {MOST})
    UNION ALL
    (SELECT 'note-session', s.id, s.mark, s.title, s.summary, s.started_at, coalesce(s.ended_at, s.started_at + interval '15 minutes'),
            s.received_at, s.last_edit
     FROM note_sessions.sessions s JOIN notes.notes n ON n.id = s.note_id
     WHERE s.owner_id = %(owner)s AND %(sessions)s ORDER BY s.started_at DESC LIMIT {MOST})
) entry), '[]')"""


def get_published_calendar(token_digest: str) -> Query:
    """The address with this token, its columns null when there is none.

    (id, owner, whether sessions are in it, zone, user name, whether its use has to be noted, fingerprint, last change)
    """
    return Query(_ADDRESS, {"digest": token_digest})


def list_published_entries(owner_id: int, *, sessions: bool) -> Query:
    """(JSON array of plans and sittings, the earliest first)."""
    return Query(_ENTRIES, {"owner": owner_id, "sessions": sessions})
