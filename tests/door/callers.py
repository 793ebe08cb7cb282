"""Who may call what: for every route the status that each kind of caller gets. A route without a row fails test_callers.py.

Calls carry an empty JSON object and ids of nothing, unless the row says otherwise: who is let in mostly sees 404 or 400.
Every area has a table of its own here, keyed by method and path as declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """The statuses by caller. query and body: what else the call has to carry."""

    anonymous: int
    bad_session: int
    bad_api_key: int
    session: int
    api_key: int
    staff: int
    query: str = ""
    body: Any = None


def ignored(status: int, **call: Any) -> Row:
    """Credentials are not looked at."""
    return Row(status, status, status, status, status, status, **call)


def everybody(status: int, **call: Any) -> Row:
    """Open, but bad credentials are refused."""
    return Row(status, 401, 401, status, status, status, **call)


def signed_in(status: int, **call: Any) -> Row:
    """Any account, by session or API key."""
    return Row(401, 401, 401, status, status, status, **call)


def session_only(status: int, **call: Any) -> Row:
    """Not with an API key."""
    return Row(401, 401, 401, status, 403, status, **call)


def staff_only(status: int, **call: Any) -> Row:
    """Staff members, by session."""
    return Row(401, 401, 401, 403, 403, status, **call)


Table = Mapping[str, Row]

PLATFORM: Table = {
    "GET /": ignored(200),
    "GET /handshake/": ignored(200),
    "GET /api/health/": ignored(200),
    "GET /api/v1/handshake/": ignored(200),
    "GET /api/v1/health/": ignored(200),
    "GET /api/v1/ping/": ignored(200),
    "GET /api/v1/ready/": ignored(200),
    "GET /metrics": ignored(200),
}

ACCOUNTS: Table = {
    "POST /api/v1/auth/register/": everybody(400),
    "POST /api/v1/auth/validate-invitation/": everybody(200),
    "POST /api/v1/auth/verify-email/": everybody(400),
    "POST /api/v1/auth/resend-verification/": everybody(400),
    "POST /api/v1/auth/password-reset/": everybody(400),
    "POST /api/v1/auth/password-reset/confirm/": everybody(400),
    "POST /api/v1/auth/send-identity-code/": session_only(200),
    "POST /api/v1/auth/change-password/": session_only(400),
    "POST /api/v1/auth/change-email/": session_only(400),
    "POST /api/v1/auth/rotate-api-key/": session_only(200),
    "DELETE /api/v1/auth/account/": session_only(400),
    "GET /api/v1/auth/history/": signed_in(200),
}

SESSIONS: Table = {
    "POST /api/v1/auth/login/": everybody(400),
    "GET /api/v1/auth/session/": ignored(200),
    "POST /api/v1/auth/logout/": signed_in(204),
    "GET /api/v1/auth/sessions/": signed_in(200),
    "DELETE /api/v1/auth/sessions/{session_id:int}/": session_only(404),
}

SETTINGS: Table = {
    "GET /api/v1/settings/": signed_in(200),
    "PATCH /api/v1/settings/": signed_in(200),
}

COURSES: Table = {
    "GET /api/v1/courses/": everybody(200),
    "POST /api/v1/courses/": signed_in(400),
    "POST /api/v1/courses/reorder/": signed_in(400),
    "GET /api/v1/courses/{course_id:int}/": everybody(404),
    "PATCH /api/v1/courses/{course_id:int}/": signed_in(404),
    "DELETE /api/v1/courses/{course_id:int}/": signed_in(404),
    "GET /api/v1/courses/{course_id:int}/notes/": everybody(404),
    "POST /api/v1/courses/{course_id:int}/subscribe/": signed_in(404),
    "DELETE /api/v1/courses/{course_id:int}/subscribe/": signed_in(404),
    "POST /api/v1/courses/{course_id:int}/subscribe-private/": signed_in(404),
    "POST /api/v1/courses/{course_id:int}/open/": signed_in(404),
    "POST /api/v1/admin/template-courses/restore/": staff_only(200),
}

NOTES: Table = {
    "GET /api/v1/notes/": everybody(200),
    "POST /api/v1/notes/": signed_in(400),
    "GET /api/v1/notes/{note_id:int}/": everybody(404),
    "PATCH /api/v1/notes/{note_id:int}/": signed_in(404),
    "DELETE /api/v1/notes/{note_id:int}/": signed_in(404),
    "GET /api/v1/notes/uuid/{uuid:uuid}/": everybody(404),
    "PATCH /api/v1/notes/uuid/{uuid:uuid}/": signed_in(404),
    "DELETE /api/v1/notes/uuid/{uuid:uuid}/": signed_in(404),
    "GET /api/v1/notes/{note_id:int}/history/": signed_in(404),
    "GET /api/v1/notes/{note_id:int}/history/{version_id:int}/": signed_in(404),
    "GET /api/v1/notes/{note_id:int}/history/{old:int}/diff/{new:int}/": signed_in(404),
    "POST /api/v1/notes/{note_id:int}/snapshot/": signed_in(404),
    "POST /api/v1/notes/{note_id:int}/restore/{version_id:int}/": signed_in(404),
    "GET /api/v1/notes/deleted/": signed_in(200),
    "POST /api/v1/notes/{note_id:int}/restore/": signed_in(404),
    "DELETE /api/v1/notes/deleted/empty/": signed_in(200),
    "POST /api/v1/notes/deleted/empty/": signed_in(200),
    "GET /api/v1/notes/{note_id:int}/blocks/": everybody(404),
    "POST /api/v1/notes/{note_id:int}/blocks/": signed_in(404, body={"block_type": "N"}),
    "GET /api/v1/blocks/{block_id:int}/": everybody(404),
    "PATCH /api/v1/blocks/{block_id:int}/": signed_in(404),
    "DELETE /api/v1/blocks/{block_id:int}/": signed_in(404),
    "POST /api/v1/notes/{note_id:int}/reorder/": signed_in(404, body={"ordered_block_ids": [1]}),
    "GET /api/v1/changes/": signed_in(200),
    "GET /api/v1/undo/": signed_in(404, query="?change=9007199254740992"),
    "POST /api/v1/undo/": signed_in(404, body={"change": 2**53}),
}

EXPORT: Table = {
    "GET /api/v1/export/": signed_in(200),
}

RECYCLE_BIN: Table = {
    "GET /api/v1/recycle-bin/": signed_in(200),
    **{
        f"POST /api/v1/recycle-bin/{kind}/{{id:int}}/restore/": signed_in(404)
        for kind in ("note", "course", "attachment", "calendar", "event")
    },
}

ATTACHMENTS: Table = {
    **{
        f"{method} /api/v1/notes/{note}/attachments/{rest}": signed_in(404)
        for note in ("{note_id:int}", "uuid/{note_uuid:uuid}")
        for method, rest in (("GET", ""), ("POST", ""), ("GET", "{attachment_id:int}/"), ("DELETE", "{attachment_id:int}/"))
    },
    "GET /media/{path:path}": ignored(404),
    "POST /api/v1/notes/{note_id:int}/cover/": signed_in(404),
    "DELETE /api/v1/notes/{note_id:int}/cover/": signed_in(404),
}

PLANNER: Table = {
    "GET /api/v1/planner-events/": signed_in(200),
    "POST /api/v1/planner-events/": signed_in(400),
    "GET /api/v1/planner-events/{event_id:int}/": signed_in(404),
    "PATCH /api/v1/planner-events/{event_id:int}/": signed_in(404),
    "DELETE /api/v1/planner-events/{event_id:int}/": signed_in(404),
    "GET /api/v1/planner-events/{event_id:int}/trail/": signed_in(404),
    "GET /api/v1/note-sessions/": signed_in(200),
    "POST /api/v1/note-sessions/": signed_in(400),
    "GET /api/v1/note-sessions/{session_id:int}/": signed_in(404),
    "PATCH /api/v1/note-sessions/{session_id:int}/": signed_in(404),
    "GET /api/v1/planner-settings/": signed_in(200),
    "PATCH /api/v1/planner-settings/": signed_in(400),
}

CALENDARS: Table = {
    "GET /api/v1/calendar-feeds/": signed_in(200),
    "POST /api/v1/calendar-feeds/": signed_in(400),
    "GET /api/v1/calendar-feeds/{feed_id:int}/": signed_in(404),
    "PATCH /api/v1/calendar-feeds/{feed_id:int}/": signed_in(404),
    "DELETE /api/v1/calendar-feeds/{feed_id:int}/": signed_in(404),
    "POST /api/v1/calendar-feeds/{feed_id:int}/refresh/": signed_in(404),
    "GET /api/v1/calendar-addresses/": signed_in(200),
    "POST /api/v1/calendar-addresses/": session_only(201),
    "POST /api/v1/calendar-addresses/{address_id:int}/rotate/": session_only(404),
    "DELETE /api/v1/calendar-addresses/{address_id:int}/": session_only(404),
    "GET /calendar/{name:str}": ignored(404),
}

ACTIVITY: Table = {
    "GET /api/v1/activity/": everybody(200),
    "GET /api/v1/activity/week/": signed_in(200),
    "GET /api/v1/heatmap/": signed_in(200),
}

FRONT_PAGE: Table = {
    "GET /api/v1/front-page/": everybody(200),
}

OAUTH: Table = {
    "GET /api/v1/auth/oauth-config/": everybody(200),
    "POST /api/v1/auth/google/": everybody(400),
    "POST /api/v1/auth/github/": everybody(400),
    "POST /api/v1/auth/bind/google/": session_only(400),
    "POST /api/v1/auth/bind/github/": session_only(400),
    "GET /api/v1/auth/social-accounts/": signed_in(200),
    "DELETE /api/v1/auth/social-accounts/{provider}/": session_only(404),
    "GET /auth/google/callback": ignored(200),
    "GET /auth/github/callback": ignored(200),
}

CALLERS: Table = {
    **PLATFORM,
    **ACCOUNTS,
    **SESSIONS,
    **SETTINGS,
    **COURSES,
    **NOTES,
    **EXPORT,
    **RECYCLE_BIN,
    **ATTACHMENTS,
    **PLANNER,
    **CALENDARS,
    **ACTIVITY,
    **FRONT_PAGE,
    **OAUTH,
}
