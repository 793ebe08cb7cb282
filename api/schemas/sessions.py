"""Shapes of signing in and of sessions (contract: accounts 5, 8, 9)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel

from api.fields import Model, Text
from commands.accounts.passwords import LONGEST

Identifier = Annotated[str | None, Text(max=254)]


class LoginIn(Model):
    """An address or user name, and the password. `identifier` takes precedence over `email`, and that over `username`."""

    password: Annotated[str, Text(max=LONGEST)]
    email: Identifier = None
    identifier: Identifier = None
    username: Identifier = None


class SessionOut(BaseModel):
    """The session that was started."""

    id: int
    device_label: str
    created_at: str
    last_seen_at: str


class UserOut(BaseModel):
    """The signed-in user."""

    id: int
    email: str
    username: str
    first_name: str
    last_name: str
    display_name: str
    is_staff: bool
    is_superuser: bool
    motto: str
    social_link: str
    image_url: str
    editor_mode: str
    theme_preset: str
    theme_mode: str
    api_base_url: str
    app_settings: dict[str, Any]
    app_settings_updated_at: str | None


class AuthPayload(BaseModel):
    """The response to a sign-in. The token is shown only here."""

    token: str
    session: SessionOut
    multi_device: bool
    other_sessions_count: int
    user: UserOut


class LiveOut(AuthPayload):
    """The session is live; this is its payload."""

    authenticated: Literal[True]


class NotLiveOut(BaseModel):
    """There is no live session."""

    authenticated: Literal[False]


class SessionRowOut(SessionOut):
    """A session in the list."""

    user_agent: str
    ip_hash_prefix: str
    is_current: bool


class SessionsOut(BaseModel):
    """The caller's live sessions. With an API key none is the current one."""

    sessions: list[SessionRowOut]
    current_session_id: int | None


class PasswordChangedOut(BaseModel):
    """The new session; all others have ended."""

    message: str
    token: str
    session: SessionOut
