"""Events of accounts: stream account-<id>. Passwords appear as salted hashes, keys as digests, codes not at all."""

from __future__ import annotations

from typing import Any

from eventstore.events.base import Event

DEFAULT_PICTURE = "/profile_pic/profile_latest.png"
"""How the path of the picture ends that every account begins with. It is stored nowhere: it is drawn when it is asked for."""


def default_image_path(account_id: int) -> str:
    """The path of that picture."""
    return f"user_upload/user_{account_id}{DEFAULT_PICTURE}"


class AccountRegistered(Event):
    """Somebody asked for an account. It can log in once its address is verified."""

    username: str
    email: str
    password_hash: str | None
    """Argon2id, None for accounts that sign in through a provider only."""
    invitation_id: int | None = None
    first_name: str = ""
    last_name: str = ""


class RegistrationRenewed(Event):
    """The registration was sent again before the address was verified; the newest values count."""

    username: str
    password_hash: str
    invitation_id: int | None = None


class RegistrationExpired(Event):
    """The address was not verified in time; name and address are free again."""


class AccountVerified(Event):
    """The address was verified; the account is active from here on."""

    code_id: str | None = None
    """The code that was used, if any."""


class AccountPromoted(Event):
    """The rights of staff or superuser changed."""

    is_staff: bool
    is_superuser: bool


class AccountDisabled(Event):
    """An operator disabled the account. All its sessions end."""


class AccountEnabled(Event):
    """An operator enabled the account again."""


class AccountErasureRequested(Event):
    """The holder confirmed by code that everything is to be erased. The account is shut from here on."""

    code_id: str


class AccountErased(Event):
    """The account is gone; its content and the payloads of its earlier events are forgotten."""


class PasswordChanged(Event):
    """The password was changed by somebody who knew the old one, or by an operator. All sessions end."""

    password_hash: str
    code_id: str | None = None


class PasswordReset(Event):
    """The password was changed by somebody with access to the account's mail. All sessions end."""

    password_hash: str
    code_id: str


class PasswordRehashed(Event):
    """The same password was stored with a stronger hash."""

    password_hash: str


class PasswordDropped(Event):
    """The password was removed, because nothing had shown that it was the holder's. All sessions end."""


class EmailChangeRequested(Event):
    """A code was sent to the new address."""

    email: str
    code_id: str


class EmailChanged(Event):
    """The address changed. `verified` says whether a code was received there."""

    email: str
    verified: bool
    code_id: str | None = None


class UsernameChanged(Event):
    """The user name changed."""

    username: str


class ProfileChanged(Event):
    """The profile changed. `changes` has the new values by field name."""

    changes: dict[str, str]


class AppSettingsChanged(Event):
    """Preferences of the apps. `changes` replaces top-level keys and leaves the others."""

    changes: dict[str, Any]
    updated_at: str
    """The app's own timestamp, ISO 8601 in UTC; empty if nothing changed that apps compare by it."""


class AvatarChanged(Event):
    """The picture changed."""

    image_path: str


class ApiKeyRotated(Event):
    """A new API key was made; the previous one stopped working."""

    key_digest: str
    key_prefix: str


class SocialAccountLinked(Event):
    """An identity at a provider may sign in here. It replaces another one of the same provider."""

    link_id: int
    provider: str
    provider_uid: str
    email: str
    extra: dict[str, str]


class SocialAccountRefreshed(Event):
    """What the provider tells about a linked identity changed."""

    provider: str
    email: str
    extra: dict[str, str]


class SocialAccountUnlinked(Event):
    """The identity may not sign in here any more."""

    provider: str
