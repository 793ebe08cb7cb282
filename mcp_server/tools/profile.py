"""The account: its profile."""

from __future__ import annotations

from urllib.parse import urlsplit

from commands.accounts.settings import ChangeSettings, change_settings
from mcp_server.call import Result, ToolCall, serves
from mcp_server.refusals import ToolRefusal
from projections.accounts.queries import get_settings
from toolbox.profile import PROFILE_MEMBERS

CHANGEABLE = ("motto", "social_link", "editor_mode", "first_name", "last_name")


@serves("get_profile")
async def get_profile(call: ToolCall) -> Result:
    """Names, preferences, and what the account allows."""
    settings = await call.read(get_settings())
    profile = {name: settings[name] or "" for name in PROFILE_MEMBERS}
    return {
        **profile,
        "version": settings["last_edit"],
        "time_zone": call.assistant.time_zone,
        "may_share": call.assistant.may_share,
    }


@serves("update_profile")
async def update_profile(call: ToolCall) -> Result:
    """The named fields; nothing named is fine as well."""
    changes = call.given(*CHANGEABLE)
    changes = {name: text.strip() for name, text in changes.items()}
    if changes.get("social_link") and not _is_web_address(changes["social_link"]):
        raise ToolRefusal("social_link: must be an address that begins with http:// or https://.")
    command = ChangeSettings(profile=changes)
    await call.run(lambda work: change_settings(work, call.account_id, command, email="locked"))
    return {"updated": True}


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and not any(c.isspace() for c in text)
    except ValueError:
        return False
