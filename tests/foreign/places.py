"""What a second account gets that puts the first one's real ids and secrets into each place of the API and of the tools.

Every parameter of a path has a row, and every field of a query or body unless it is in NAMES_NOTHING: a field that is in neither fails
test_two_ids.py. The things are private to the first account. Sources of the answers: contract notes 3.2 and 14, planner_platform 1.3
and 1.5, clients 6, mcp 7, decisions 14, 16 and 23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """status: of the answer. body: what else is sent. kept: the foreign id may stand in the answer, because it is no way to the thing."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    kept: bool = False


NAMES_NOTHING = {
    "api_base_url", "app_settings", "app_settings_updated_at", "args", "avatar", "block_type", "blocks", "color_hue", "completed_at",
    "content", "custom_meta", "days", "description", "difficulty_weight", "editor_mode", "ended_at", "ends_at", "event_date", "file",
    "first_name", "history", "icon", "include", "include_completed", "includes_sessions", "intent", "is_AI_generated", "is_completed",
    "is_enabled", "is_public", "label", "last_name", "limit", "markdown", "mcp_skill_md", "module", "motto", "note_type", "offset",
    "raw_ical", "reason", "redirect_uri", "scope", "social_link", "sort", "source_kind", "source_url", "start_date", "started_at",
    "starts_at", "summary", "text", "theme_mode", "theme_preset", "time_zone", "title", "window", "current_password", "new_password",
    "password", "id_token", "invitation_code", "append", "dry_run", "find", "heading", "index", "insert", "kind", "query", "replace",
}  # fmt: skip
"""Fields that hold no id. Passwords go with the name beside them; identity tokens and invitations are for whoever holds them."""

UNREADABLE, NOT_OWN, MISSING = Row(400), Row(403), Row(404)
TIMES = {"started_at": "2031-05-06T10:00:00Z"}
PLAN = {"title": "Mine", "event_date": "2031-05-06"}
NEW_PASSWORD = "Other-horse-8"

ACCOUNTS = {
    "POST /api/v1/auth/register/ username": Row(400, {"email": "new@example.org", "password": NEW_PASSWORD}),
    "POST /api/v1/auth/register/ email": Row(400, {"username": "newcomer", "password": NEW_PASSWORD}),
    "POST /api/v1/auth/resend-verification/ email": Row(400),
    # The holder gets the mail, whoever asks for it.
    "POST /api/v1/auth/password-reset/ email": Row(200, kept=True),
    "POST /api/v1/auth/verify-email/ email": Row(400, {"code": "000000"}),
    "POST /api/v1/auth/verify-email/ code": Row(400, {"email": "{email}"}),
    "POST /api/v1/auth/password-reset/confirm/ email": Row(400, {"code": "{code}", "password": NEW_PASSWORD}),
    "POST /api/v1/auth/password-reset/confirm/ code": Row(400, {"email": "{email}", "password": NEW_PASSWORD}),
    **{f"POST /api/v1/auth/login/ {name}": Row(400, {"password": "Not-the-horse-7"}) for name in ("identifier", "email", "username")},
    "POST /api/v1/auth/change-password/ identity_code": Row(400, {"current_password": "Correct-horse-7", "new_password": NEW_PASSWORD}),
    "POST /api/v1/auth/change-email/ identity_code": Row(400, {"new_email": "newer@example.org"}),
    "POST /api/v1/auth/change-email/ code": Row(400, {"new_email": "newer@example.org"}),
    "POST /api/v1/auth/change-email/ new_email": Row(400, {"identity_code": "{identity_code}"}),
    "DELETE /api/v1/auth/account/ identity_code": Row(400),
    "GET /api/v1/auth/history/ before": Row(200),
    "DELETE /api/v1/auth/sessions/{session_id:int}/ session_id": MISSING,
    "DELETE /api/v1/auth/social-accounts/{provider}/ provider": MISSING,
    # Codes of providers belong to whoever brings them; tests/accounts/test_oauth.py spends them. Here no provider is set up.
    **{f"POST /api/v1/auth/{path}/ code": Row(503) for path in ("google", "github", "bind/google", "bind/github")},
    "PATCH /api/v1/settings/ username": Row(400),
    "PATCH /api/v1/settings/ email": Row(400),
}

COURSE = "/api/v1/courses/{course_id:int}/"
COURSES = {
    "POST /api/v1/courses/ client_course_id": Row(201, {"title": "Mine"}, kept=True),
    "POST /api/v1/courses/reorder/ course_ids": Row(200),
    # The course itself is there for everybody who knows its id; its private notes are not.
    f"GET {COURSE} course_id": Row(200, kept=True),
    f"GET {COURSE}notes/ course_id": Row(200),
    f"PATCH {COURSE} course_id": NOT_OWN,
    f"PATCH {COURSE} client_course_id": Row(200, kept=True),
    f"DELETE {COURSE} course_id": NOT_OWN,
    f"POST {COURSE}open/ course_id": MISSING,
    f"POST {COURSE}subscribe-private/ course_id": Row(200, kept=True),
    f"POST {COURSE}subscribe/ course_id": Row(200, kept=True),
    f"DELETE {COURSE}subscribe/ course_id": MISSING,
}

NOTE, BY_UUID, HISTORY = "/api/v1/notes/{note_id:int}/", "/api/v1/notes/uuid/{uuid:uuid}/", "/api/v1/notes/{note_id:int}/history/"
FILES, FILES_BY_UUID = f"{NOTE}attachments/", "/api/v1/notes/uuid/{note_uuid:uuid}/attachments/"
NOTES = {
    "GET /api/v1/notes/ course_id": Row(200),
    "GET /api/v1/notes/ q": Row(200),
    "POST /api/v1/notes/ course_id": Row(201, {"title": "Mine"}),
    "POST /api/v1/notes/ client_draft_id": Row(201, {"title": "Mine"}, kept=True),
    "POST /api/v1/notes/ metadata_json": Row(201, {"title": "Mine"}, kept=True),
    "POST /api/v1/notes/ source_note_uuid": Row(201, {"title": "Mine"}),
    **{
        f"{method} {path} {name}": UNREADABLE
        for method in ("GET", "PATCH", "DELETE")
        for path, name in ((NOTE, "note_id"), (BY_UUID, "uuid"))
    },
    **{
        f"PATCH {path} {name}": Row(200, kept=name in ("client_draft_id", "metadata_json"))
        for path in (NOTE, BY_UUID)
        for name in ("course_id", "client_draft_id", "metadata_json", "source_note_uuid", "base_version")
    },
    **{f"GET {path} as_of": MISSING for path in (NOTE, BY_UUID)},
    f"GET {HISTORY} note_id": UNREADABLE,
    f"GET {HISTORY} before": Row(200),
    f"GET {HISTORY}{{version_id:int}}/ note_id": UNREADABLE,
    f"GET {HISTORY}{{version_id:int}}/ version_id": MISSING,
    f"GET {HISTORY}{{old:int}}/diff/{{new:int}}/ note_id": UNREADABLE,
    f"GET {HISTORY}{{old:int}}/diff/{{new:int}}/ old": MISSING,
    f"GET {HISTORY}{{old:int}}/diff/{{new:int}}/ new": MISSING,
    f"POST {NOTE}snapshot/ note_id": UNREADABLE,
    f"POST {NOTE}restore/{{version_id:int}}/ note_id": UNREADABLE,
    f"POST {NOTE}restore/{{version_id:int}}/ version_id": MISSING,
    f"POST {NOTE}restore/ note_id": MISSING,
    f"GET {NOTE}blocks/ note_id": UNREADABLE,
    f"POST {NOTE}blocks/ note_id": Row(400, {"block_type": "N"}),
    f"POST {NOTE}reorder/ note_id": Row(400, {"ordered_block_ids": [1]}),
    f"POST {NOTE}reorder/ ordered_block_ids": Row(400),
    f"POST {NOTE}cover/ note_id": UNREADABLE,
    f"DELETE {NOTE}cover/ note_id": UNREADABLE,
    "GET /api/v1/blocks/{block_id:int}/ block_id": UNREADABLE,
    "PATCH /api/v1/blocks/{block_id:int}/ block_id": NOT_OWN,
    "DELETE /api/v1/blocks/{block_id:int}/ block_id": NOT_OWN,
    **{
        f"{method} {files}{rest} {name}": UNREADABLE
        for files, name in ((FILES, "note_id"), (FILES_BY_UUID, "note_uuid"))
        for method, rest in (("GET", ""), ("POST", ""), ("GET", "{attachment_id:int}/"), ("DELETE", "{attachment_id:int}/"))
    },
    **{
        f"{method} {files}{{attachment_id:int}}/ attachment_id": MISSING for method in ("GET", "DELETE") for files in (FILES, FILES_BY_UUID)
    },
    **{
        f"POST /api/v1/recycle-bin/{kind}/{{id:int}}/restore/ id": MISSING for kind in ("note", "course", "attachment", "calendar", "event")
    },
    "GET /api/v1/changes/ before": Row(200),
    **{f"{method} /api/v1/undo/ change": MISSING for method in ("GET", "POST")},
    "GET /api/v1/undo/ key": Row(409),
}

PLANNER = {
    # Any course that there is can be named; what it is called is public, what is in it is not.
    "POST /api/v1/planner-events/ course_id": Row(201, PLAN, kept=True),
    "POST /api/v1/planner-events/ client_event_id": Row(201, PLAN, kept=True),
    **{f"{method} /api/v1/planner-events/{{event_id:int}}/ event_id": MISSING for method in ("GET", "PATCH", "DELETE")},
    "PATCH /api/v1/planner-events/{event_id:int}/ course_id": Row(200, kept=True),
    "GET /api/v1/planner-events/{event_id:int}/trail/ event_id": MISSING,
    "GET /api/v1/note-sessions/ note_id": Row(200),
    "POST /api/v1/note-sessions/ note_id": Row(404, TIMES),
    "GET /api/v1/note-sessions/{session_id:int}/ session_id": MISSING,
    "PATCH /api/v1/note-sessions/{session_id:int}/ session_id": MISSING,
    "PATCH /api/v1/note-sessions/{session_id:int}/ note_id": Row(200),
    "POST /api/v1/calendar-feeds/ course_id": Row(201, {"title": "Mine"}, kept=True),
    **{f"{method} /api/v1/calendar-feeds/{{feed_id:int}}/ feed_id": MISSING for method in ("GET", "PATCH", "DELETE")},
    "PATCH /api/v1/calendar-feeds/{feed_id:int}/ course_id": Row(200, kept=True),
    "POST /api/v1/calendar-feeds/{feed_id:int}/refresh/ feed_id": MISSING,
    "POST /api/v1/calendar-addresses/{address_id:int}/rotate/ address_id": MISSING,
    "DELETE /api/v1/calendar-addresses/{address_id:int}/ address_id": MISSING,
}

SECRET_ADDRESSES = {"GET /calendar/{name:str} name", "GET /media/{path:path} path"}
"""Places that are for whoever knows the unguessable address, by contract (planner_platform 12.6)."""

PLACES: Mapping[str, Row] = {**ACCOUNTS, **COURSES, **NOTES, **PLANNER}

REFUSED, EMPTY, KEPT = "refused", "empty", "kept"
"""What tools answer: an error; a success without the thing; a success that keeps the number."""

TOOLS: Mapping[str, str] = {
    "list_notes course_id": EMPTY,
    **{
        f"{tool} note_id": REFUSED
        for tool in (
            "get_note", "update_note", "patch_note", "delete_note", "get_note_outline", "get_note_section", "list_note_versions",
            "snapshot_note", "restore_note_version", "diff_note_versions", "read_note_at", "list_attachments", "delete_attachment",
            "restore_deleted_note", "create_note_session",
        )
    },
    "get_note_by_uuid uuid": REFUSED,
    "list_note_sessions note_id": EMPTY,
    "restore_note_version version_id": REFUSED,
    "diff_note_versions from_version": REFUSED,
    "diff_note_versions to_version": REFUSED,
    "read_note_at at": REFUSED,
    "delete_attachment attachment_id": REFUSED,
    "undo_last_change change_id": REFUSED,
    "restore_deleted id": REFUSED,
    **{f"{tool} course_id": REFUSED for tool in ("create_note", "update_note", "update_course", "delete_course", "unsubscribe_course")},
    **{f"{tool} course_id": KEPT for tool in ("get_course", "subscribe_course", "create_event", "update_event",
                                              "create_calendar_feed", "update_calendar_feed")},
    "list_course_notes course_id": EMPTY,
    "reorder_courses course_ids": EMPTY,
    "end_note_session session_id": REFUSED,
    "update_event event_id": REFUSED,
    "delete_event event_id": REFUSED,
    "update_calendar_feed feed_id": REFUSED,
    "delete_calendar_feed feed_id": REFUSED,
}  # fmt: skip
"""By tool and argument. Cursors and expected versions are tried at every tool that takes them."""
