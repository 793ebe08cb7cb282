"""The history of an account, read from the log itself: what happened to it and to its sessions."""

from __future__ import annotations

from typing import Any

import orjson

from eventstore.events.base import stream_kind, stream_number
from projections.reading import Query

WORDS = {
    "AccountRegistered": "registered",
    "RegistrationRenewed": "registered_again",
    "AccountVerified": "verified",
    "AccountPromoted": "rights_changed",
    "AccountDisabled": "disabled",
    "AccountEnabled": "enabled",
    "PasswordChanged": "password_changed",
    "PasswordReset": "password_reset",
    "PasswordDropped": "password_dropped",
    "EmailChangeRequested": "email_change_requested",
    "EmailChanged": "email_changed",
    "UsernameChanged": "username_changed",
    "ProfileChanged": "profile_changed",
    "AppSettingsChanged": "app_settings_changed",
    "AvatarChanged": "avatar_changed",
    "ApiKeyRotated": "api_key_rotated",
    "SocialAccountLinked": "identity_linked",
    "SocialAccountUnlinked": "identity_unlinked",
    "SessionStarted": "signed_in",
    "SessionRevoked": "session_ended",
}
"""Event type -> what the page calls it. What stands here and nothing else is shown."""

SHOWN = frozenset(
    {
        "username", "email", "verified", "changes", "changed", "updated_at", "key_prefix", "provider", "provider_uid",
        "is_staff", "is_superuser", "device_label", "user_agent", "method", "cause",
    }
)  # fmt: skip
"""Members of events that may be told; digests, hashes and ids of codes stay inside."""

LONGEST_TOLD = 4000
"""Bytes of an event that are told. Of one that is longer, since apps may keep 64 kB, only the names of what was changed are."""

_HISTORY = f"""
SELECT coalesce(json_agg(entry ORDER BY position DESC), '[]')::text FROM (
    SELECT e.position, json_build_object(
        'position', e.position, 'at', to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
        'type', e.type, 'stream', e.stream, 'data', CASE WHEN length(e.data) <= {LONGEST_TOLD} THEN convert_from(e.data, 'UTF8')::json
            ELSE json_build_object('changed', (
                SELECT coalesce(json_agg(name), '[]') FROM (
                    SELECT left(key, 100) AS name FROM json_object_keys(convert_from(e.data, 'UTF8')::json -> 'changes') AS key LIMIT 30
                ) named)) END,
        'metadata', convert_from(e.metadata, 'UTF8')::json
    ) AS entry
    FROM log.events e
    WHERE e.stream IN (
        SELECT 'account-' || %(viewer)s
        UNION ALL SELECT 'session-' || s.id FROM sessions.sessions s WHERE s.account_id = %(viewer)s
        UNION ALL SELECT 'session-' || r.id FROM sessions.retired r WHERE r.account_id = %(viewer)s
    )
    AND e.type = ANY(%(types)s::text[]) AND e.data <> '' AND (%(before)s::bigint IS NULL OR e.position < %(before)s::bigint)
    ORDER BY e.position DESC LIMIT %(limit)s
) page"""


def list_history(limit: int, before: int | None) -> Query:
    """(JSON list of the caller's events before a position, one more than the limit, to tell whether there are more)."""
    return Query(_HISTORY, {"types": list(WORDS), "before": before, "limit": limit + 1})


def told(rows: str, limit: int) -> dict[str, Any]:
    """The page as it is answered."""
    entries = orjson.loads(rows)
    shown = [
        {
            "id": entry["position"],
            "at": entry["at"],
            "what": WORDS[entry["type"]],
            "session_id": _session(entry),
            "channel": entry["metadata"].get("channel", ""),
            "about": {name: value for name, value in entry["data"].items() if name in SHOWN},
        }
        for entry in entries[:limit]
    ]
    return {"results": shown, "next_before": shown[-1]["id"] if len(entries) > limit else None}


def _session(entry: dict[str, Any]) -> int | None:
    stream = entry["stream"]
    session_id: int | None = stream_number(stream) if stream_kind(stream) == "session" else entry["metadata"].get("session")
    return session_id
