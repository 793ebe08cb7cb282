"""The settings of the caller (contract: accounts 14, clients 9)."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import orjson
from starlette.responses import Response

from api.call import Call
from api.routing import Route
from api.schemas.preconditions import STALE
from api.schemas.settings import MIRRORED, SettingsOut, SettingsPatch
from api.writing import carry_out
from commands.accounts.avatars import MOST_BYTES, extension_problem, fresh_image_path, reencoded
from commands.accounts.refusals import SETTINGS_CONFLICTS
from commands.accounts.settings import ChangeSettings, EmailRule, address_changed_mail, change_settings
from commands.errors import Invalid, Refused
from commands.handling import Work
from commands.lookups import Lookups
from projections.accounts.queries import get_settings
from projections.media import media_path

PROFILE = ("first_name", "last_name", "motto", "social_link", "editor_mode")


def settings_body(row: tuple[Any, ...] | None) -> bytes:
    """The answer of a row of get_settings."""
    assert row is not None
    settings, used_at = row
    shown = orjson.dumps(used_at.astimezone(UTC).isoformat() if used_at else None)
    return bytes(settings)[:-1] + b',"api_key_last_used_at":' + shown + b"}"


async def read_settings(call: Call) -> bytes:
    """All settings."""
    return settings_body(await call.ask(get_settings()))


def patch_settings(call: Call) -> Response:
    """Changes what was sent, and answers all settings."""
    body: SettingsPatch = call.body
    services = call.services
    account_id = call.identify_now().account_id
    assert account_id is not None
    image_path = _stored_avatar(call, account_id, body)
    command = ChangeSettings(
        username=body.username,
        email=body.email,
        profile={name: value for name in PROFILE if (value := getattr(body, name)) is not None},
        app_settings=_app_settings(body),
        skill=body.mcp_skill_md,
        app_settings_updated_at=body.app_settings_updated_at,
        image_path=image_path,
        reserved=services.settings.reserved_username,
    )

    # Whoever has the address has the account: as with all that needs the mail, a key is not enough.
    email: EmailRule = "free" if services.settings.settings_change_email else "first only"
    if call.identify_now().kind == "api_key":
        email = "locked"

    def decide(work: Work[Lookups]) -> str | None:
        return change_settings(work, account_id, command, email=email)

    def tell(replaced_email: str | None) -> None:
        if replaced_email and body.email:
            services.proofs.notify(account_id, address_changed_mail(replaced_email, body.email))

    try:
        response = carry_out(
            call,
            decide,
            lambda _, row: (200, settings_body(row)),
            answer=lambda _: get_settings(),
            conflicts=SETTINGS_CONFLICTS,
            then=tell,
        )
    except Refused:
        if image_path is not None:
            services.blobs.discard_now(image_path)
        raise
    if image_path is not None and media_path(image_path).encode() not in response.body:
        # Answered from an earlier request with the same key: no event names this picture.
        services.blobs.discard_now(image_path)
    return response


def _app_settings(body: SettingsPatch) -> dict[str, Any] | None:
    """The keys to be merged; None when nothing of the group was sent."""
    flat = {name: value for name in MIRRORED if (value := getattr(body, name)) is not None}
    if body.app_settings is None and not flat:
        return None
    return {**(body.app_settings or {}), **flat}


def _stored_avatar(call: Call, account_id: int, body: SettingsPatch) -> str | None:
    """Stores the picture before anything names it."""
    if body.avatar is None:
        return None
    problem = extension_problem(body.avatar.filename or "")
    if problem is not None:
        raise Invalid({"avatar": [problem]})
    content, extension = reencoded(body.avatar.file.read(MOST_BYTES + 1))
    path = fresh_image_path(account_id, extension)
    call.services.blobs.put_now(path, content)
    return path


ROUTES = [
    Route("GET", "/settings/", read_settings, "Read the settings", answer=SettingsOut),
    Route(
        "PATCH",
        "/settings/",
        patch_settings,
        "Change the settings",
        body=SettingsPatch,
        answer=SettingsOut,
        answers=STALE,
        description=(
            "Any subset, as JSON or a form; `avatar` is a file in a multipart form. `app_settings` is merged by top-level key; "
            "the last writer wins."
        ),
        examples={"theme": {"theme_mode": "D", "app_settings": {"log_preferences": {"level": "Info"}}}},
    ),
]
