"""What signing in answers, for every way of doing it: one function of the clients consumes them all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from api.call import Call
from commands.sessions import SignIn, prepare_sign_in


def sign_in_of(call: Call, method: str) -> SignIn:
    """A session about to be started for this request."""
    return prepare_sign_in(
        call.services.proofs.digest, user_agent=call.header(b"user-agent") or "", network=call.client_address, method=method
    )


def auth_payload(row: tuple[Any, ...] | None, token: str, **more: object) -> bytes:
    """The payload of a row of get_auth_payload or probe_session, with further members."""
    assert row is not None
    user, *session, others = row
    payload = {
        **more,
        "token": token,
        "session": session_of(*session),
        "multi_device": others > 0,
        "other_sessions_count": others,
        "user": orjson.Fragment(user),
    }
    return orjson.dumps(payload)


def session_of(session_id: int, device_label: str, started_at: datetime, seen_at: datetime) -> dict[str, Any]:
    """The session as the payload shows it."""
    return {
        "id": session_id,
        "device_label": device_label,
        "created_at": started_at.astimezone(UTC).isoformat(),
        "last_seen_at": seen_at.astimezone(UTC).isoformat(),
    }


PAYLOAD_EXAMPLE = {
    "token": "4be1c0ffee00112233445566778899aabbccddee",
    "session": {
        "id": 91,
        "device_label": "Windows PC",
        "created_at": "2026-04-23T09:15:02.118034+00:00",
        "last_seen_at": "2026-04-23T09:15:02.118034+00:00",
    },
    "multi_device": True,
    "other_sessions_count": 1,
    "user": {
        "id": 8,
        "email": "mira@example.org",
        "username": "mira",
        "first_name": "Mira",
        "last_name": "Okafor",
        "display_name": "Mira Okafor",
        "is_staff": False,
        "is_superuser": False,
        "motto": "",
        "social_link": "",
        "image_url": "https://notes.example.org/media/user_upload/user_8/profile_pic/profile_latest.png",
        "editor_mode": "P",
        "theme_preset": "teal",
        "theme_mode": "S",
        "api_base_url": "https://notes.example.org/api/v1",
        "app_settings": {"theme_preset": "teal", "theme_mode": "S", "api_base_url": "https://notes.example.org/api/v1"},
        "app_settings_updated_at": None,
    },
}
