"""Shape of the settings (contract: accounts 14, clients 9)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class SettingsOut(BaseModel):
    """All settings of the caller."""

    username: str
    first_name: str
    last_name: str
    display_name: str
    email: str
    is_staff: bool
    is_superuser: bool
    motto: str
    social_link: str
    image_url: str
    editor_mode: str
    theme_preset: str
    theme_mode: str
    api_key_prefix: str
    api_key_last_used_at: str | None
    api_base_url: str
    app_settings: dict[str, Any]
    app_settings_updated_at: str | None
