"""Changing the settings of an account (contract: accounts 14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from commands.accounts.aggregate import Account
from commands.accounts.lookups import AccountLookups
from commands.accounts.refusals import EMAIL_IN_USE, USERNAME_IN_USE, own_account
from commands.accounts.rules import is_reserved
from commands.errors import Invalid
from commands.handling import Work
from commands.preconditions import require_version
from eventstore.addresses import canonical_address
from eventstore.events import accounts
from eventstore.mails import Mail

SKILL = "mcp_skill_md"
MOST_APP_SETTINGS = 65536
"""Bytes of what an account's apps may keep."""
EMAIL_LOCKED = "Settings not saved: Backend.Creators.Settings/update.validate_email — change the address with a code instead."

EmailRule = Literal["free", "first only", "locked"]
"""Whether the address may be changed here: always, where there is none yet, or never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSettings:
    """What a request changes; None and empty mean: left as it is. app_settings is None when its group was not sent."""

    username: str | None = None
    email: str | None = None
    profile: Mapping[str, str] = field(default_factory=dict)
    app_settings: Mapping[str, Any] | None = None
    app_settings_updated_at: datetime | None = None
    skill: str | None = None
    """What assistants are told. Kept among the apps' settings, but none that apps compare by their time."""
    image_path: str | None = None
    reserved: str | None = None
    """The name that only the administrator may choose."""


def change_settings(work: Work[AccountLookups], account_id: int, command: ChangeSettings, *, email: EmailRule) -> str | None:
    """Saves all of it or nothing; the address that was replaced, where it was proven. Raises Invalid with every field that is taken."""
    account = own_account(work, account_id)
    require_version(work, account.edited_on)
    now = work.context.now
    renamed = command.username if command.username != account.username else None
    moved = _other_address(account, command.email)
    _refuse_taken(work, account, renamed, moved, reserved=command.reserved, rule=email)
    replaced_email = account.proven_email if moved is not None else None
    if renamed is not None:
        account.trigger(accounts.UsernameChanged, now, username=renamed)
    if moved is not None:
        account.trigger(accounts.EmailChanged, now, email=moved, verified=False)
    changes = {name: value for name, value in command.profile.items() if account.profile.get(name) != value}
    if changes:
        account.trigger(accounts.ProfileChanged, now, changes=changes)
    _change_app_settings(account, command, now)
    if command.image_path is not None:
        account.trigger(accounts.AvatarChanged, now, image_path=command.image_path)
    return replaced_email


def _change_app_settings(account: Account, command: ChangeSettings, now: datetime) -> None:
    skill = {SKILL: command.skill} if command.skill is not None else {}
    changes = {**(command.app_settings or {}), **skill}
    if command.app_settings is None and not skill:
        return
    if len(orjson.dumps({**account.app_settings, **changes})) > MOST_APP_SETTINGS:
        field_name = SKILL if skill else "app_settings"
        raise Invalid({field_name: [f"All settings of the apps together may take no more than {MOST_APP_SETTINGS} bytes."]})
    stamp = (command.app_settings_updated_at or now).isoformat() if command.app_settings is not None else ""
    account.trigger(accounts.AppSettingsChanged, now, changes=changes, updated_at=stamp)


def _other_address(account: Account, email: str | None) -> str | None:
    wanted = canonical_address(email or "")
    return wanted if wanted and wanted != canonical_address(account.email) else None


def _refuse_taken(
    work: Work[AccountLookups], account: Account, username: str | None, email: str | None, *, reserved: str | None, rule: EmailRule
) -> None:
    problems: dict[str, list[str]] = {}
    if username is not None:
        taken = work.lookups.account_of_username(username) not in (None, account.number)
        if taken or (is_reserved(username, reserved) and not account.is_superuser):
            problems["username"] = [USERNAME_IN_USE]
    # Who has no address yet cannot be mailed the code that moves it otherwise.
    if email is not None and (rule == "locked" or (rule == "first only" and account.email)):
        problems["email"] = [EMAIL_LOCKED]
    elif email is not None and work.lookups.account_of_email(email) not in (None, account.number):
        problems["email"] = [EMAIL_IN_USE]
    if problems:
        raise Invalid(problems)


def address_changed_mail(old: str, new: str) -> Mail:
    """Tells the old address."""
    text = (
        f"The address of your Notechondria account was changed from {old} to {new}.\n\n"
        "If this was not you, ask the operator of the server for help at once.\n"
    )
    return Mail(old, "The address of your Notechondria account was changed", text)
