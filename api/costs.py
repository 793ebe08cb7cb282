"""Which routes are dear: as how many requests they count under the caller's limit, by method and path. All others count as one."""

from __future__ import annotations

from collections.abc import Mapping

COSTS: Mapping[str, int] = {
    # Passwords take their time, mails go out, providers are asked.
    "POST /api/v1/auth/login/": 3,
    "POST /api/v1/auth/register/": 3,
    "POST /api/v1/auth/validate-invitation/": 3,
    "POST /api/v1/auth/verify-email/": 3,
    "POST /api/v1/auth/resend-verification/": 3,
    "POST /api/v1/auth/password-reset/": 3,
    "POST /api/v1/auth/password-reset/confirm/": 3,
    "POST /api/v1/auth/send-identity-code/": 5,
    "POST /api/v1/auth/change-password/": 5,
    "POST /api/v1/auth/google/": 5,
    "POST /api/v1/auth/github/": 5,
    "POST /api/v1/auth/bind/google/": 5,
    "POST /api/v1/auth/bind/github/": 5,
    "DELETE /api/v1/auth/account/": 20,
    # Files.
    "POST /api/v1/notes/{note_id:int}/attachments/": 5,
    "POST /api/v1/notes/uuid/{note_uuid:uuid}/attachments/": 5,
    "POST /api/v1/notes/{note_id:int}/cover/": 5,
    # Other servers are asked, and what they send is read.
    "POST /api/v1/calendar-feeds/": 20,
    "PATCH /api/v1/calendar-feeds/{feed_id:int}/": 20,
    "POST /api/v1/calendar-feeds/{feed_id:int}/refresh/": 20,
    "GET /calendar/{name:str}": 3,
    # Replays, and work over many rows.
    "GET /api/v1/notes/{note_id:int}/history/{version_id:int}/": 2,
    "GET /api/v1/notes/{note_id:int}/history/{old:int}/diff/{new:int}/": 5,
    "GET /api/v1/export/": 20,
    "GET /api/v1/undo/": 5,
    "POST /api/v1/undo/": 5,
    "POST /api/v1/notes/deleted/empty/": 5,
    "DELETE /api/v1/notes/deleted/empty/": 5,
    "POST /api/v1/admin/template-courses/restore/": 20,
}
