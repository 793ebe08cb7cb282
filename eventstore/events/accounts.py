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
    """The registration was sent again before the address was verified; what it says now holds."""

    username: str
    password_hash: str
    invitation_id: int | None = None


class RegistrationExpired(Event):
    """The address was not verified in time; name and address are free again."""


class AccountVerified(Event):
    """The address was proven; the account is active from here on."""

    code_id: str | None = None
    """The code that was used up, where one was."""


class AccountPromoted(Event):
    """Rights of staff or superuser were set."""

    is_staff: bool
    is_superuser: bool


class AccountDisabled(Event):
    """An operator shut the account. All its sessions end."""


class AccountEnabled(Event):
    """An operator opened the account again."""


class AccountErasureRequested(Event):
    """The holder proved to be the holder and asked for everything to be erased. The account is shut from here on."""

    code_id: str


class AccountErased(Event):
    """The account is gone; its content and the payloads of its earlier events are forgotten."""


class PasswordChanged(Event):
    """A new password, by somebody who knew the old one, or set by an operator. All sessions end."""

    password_hash: str
    code_id: str | None = None


class PasswordReset(Event):
    """A new password, by somebody who reads the account's mail. All sessions end."""

    password_hash: str
    code_id: str


class PasswordRehashed(Event):
    """The same password under a stronger hash."""

    password_hash: str


class PasswordDropped(Event):
    """The password was made void, because it was never shown to be the holder's. All sessions end."""


class EmailChangeRequested(Event):
    """A code was sent to the new address."""

    email: str
    code_id: str


class EmailChanged(Event):
    """Another address. `verified` says whether a code was read there."""

    email: str
    verified: bool
    code_id: str | None = None


class UsernameChanged(Event):
    """Another name."""

    username: str


class ProfileChanged(Event):
    """What the account tells about its holder. `changes` has the new values by field name."""

    changes: dict[str, str]


class AppSettingsChanged(Event):
    """Preferences of the apps. `changes` replaces top-level keys and leaves the others."""

    changes: dict[str, Any]
    updated_at: str
    """The app's own stamp, ISO 8601 in UTC; empty when nothing was changed that apps compare by it."""


class AvatarChanged(Event):
    """Another picture."""

    image_path: str


class ApiKeyRotated(Event):
    """A new API key; the one before is dead."""

    key_digest: str
    key_prefix: str


class SocialAccountLinked(Event):
    """An identity at a provider may sign in here. It takes the place of another one of the same provider."""

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
