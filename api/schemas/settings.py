"""Shapes of the settings (contract: accounts 14, clients 9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError
from starlette.datastructures import UploadFile

from api.fields import Choice, DateTime, Email, File, Json, Model, Text, Url, refuse
from api.fields.text import Text as TextType
from commands.accounts.rules import shows_whole

THEME_PRESET = Text(min=1, max=32)
THEME_MODE = Choice(codes=("S", "L", "D"))
API_BASE_URL = Url(max=255, schemes=("http", "https"))
MIRRORED = {"theme_preset": THEME_PRESET, "theme_mode": THEME_MODE, "api_base_url": API_BASE_URL}


@dataclass(frozen=True, kw_only=True, slots=True)
class UserName(TextType):
    """A user name as settings take it: wider than registration, but never what looks like an address or hides characters."""

    def read(self, value: object, form: bool) -> str:
        """Refuses an at sign, line breaks and other characters that do not show."""
        name = TextType.read(self, value, form)
        if "@" in name or not shows_whole(name):
            raise refuse("A user name holds no at sign and no invisible characters.")
        return name


@dataclass(frozen=True, kw_only=True, slots=True)
class AppSettings(Json):
    """What apps keep: an object of anything, whose three mirrored keys follow the rules of their fields.

    JSON that is no object counts as an empty one (contract: accounts 14.3).
    """

    def read(self, value: Any, form: bool) -> dict[str, Any]:
        """The object with its mirrored keys checked."""
        value = Json.read(self, value, form)
        if value is None:
            raise refuse("This field may not be null.")
        if not isinstance(value, dict):
            return {}
        kept = dict(value)
        for name in MIRRORED.keys() & kept.keys():
            try:
                if kept[name] is None:
                    raise refuse("This field may not be null.")
                kept[name] = MIRRORED[name].read(kept[name], form=False)
            except PydanticCustomError as error:
                raise refuse("{name}: {lack}", name=name, lack=error.message()) from None
        return kept

    def schema(self) -> dict[str, Any]:
        """An open object."""
        return {"type": "object", "additionalProperties": True}


class SettingsPatch(Model):
    """Any subset of the settings; what is not sent stays."""

    username: Annotated[str | None, UserName(max=150)] = None
    email: Annotated[str | None, Email()] = None
    first_name: Annotated[str | None, Text(max=150, blank=True)] = None
    last_name: Annotated[str | None, Text(max=150, blank=True)] = None
    motto: Annotated[str | None, Text(max=100, blank=True)] = None
    social_link: Annotated[str | None, Url(max=255, blank=True)] = None
    editor_mode: Annotated[str | None, Choice(codes=("G", "B", "P"))] = None
    theme_preset: Annotated[str | None, THEME_PRESET] = None
    theme_mode: Annotated[str | None, THEME_MODE] = None
    api_base_url: Annotated[str | None, API_BASE_URL] = None
    app_settings: Annotated[dict[str, Any] | None, AppSettings()] = None
    app_settings_updated_at: Annotated[datetime | None, DateTime(null=True)] = None
    mcp_skill_md: Annotated[str | None, Text(blank=True, trim=False, doc="What assistants are told, as markdown.")] = None
    avatar: Annotated[UploadFile | None, File()] = None


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
    mcp_skill_md: str
    api_key_last_used_at: str | None
    api_base_url: str
    app_settings: dict[str, Any]
    app_settings_updated_at: str | None
    last_edit: str
