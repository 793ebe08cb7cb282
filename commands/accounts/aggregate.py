"""An account as its decisions see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from commands.aggregate import Aggregate, evolves
from eventstore.events import accounts

State = Literal["pending", "active", "disabled", "erasing", "gone"]
REMEMBERED_CODES = 32
"""Codes live for hours and there are few at a time: a used one has long expired when it drops out."""


class Account(Aggregate):
    """One account: who it is, how its holder proves it, what its apps keep."""

    kind = "account"

    username: str
    email: str
    password_hash: str | None
    contested: bool = False
    """Whether the address was registered with different passwords, and nobody who reads its mail, nor an operator, has chosen one since;
    asked of pending accounts only.
    """
    state: State = "pending"
    verified: bool = False
    """Whether the address was ever proven: tells an account that nobody owns yet from one that staff has shut."""
    email_verified: bool = False
    """Whether the present address was proven."""
    is_staff: bool = False
    is_superuser: bool = False
    epoch: int = 0
    """How often all sessions were ended."""
    used_codes: tuple[str, ...] = ()
    profile: dict[str, str]
    app_settings: dict[str, Any]
    image_path: str = ""
    edited_on: datetime
    """The last change of what the settings show."""
    registered_on: datetime
    """The last registration."""
    api_key_digest: str | None = None
    """None without a key, and once the key is void."""
    links: dict[str, str]
    """Provider -> the id there."""
    told: dict[str, tuple[str, tuple[tuple[str, str], ...]]]
    """Provider -> what it tells about the identity: address and further members."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.profile = {}
        self.app_settings = {}
        self.links = {}
        self.told = {}

    @property
    def shown_as(self) -> tuple[str, ...]:
        """As the cards of authors and owners tell it."""
        return (f'"id":{self.number},"username"',)

    @property
    def is_active(self) -> bool:
        """Whether it may sign in."""
        return self.state == "active"

    @property
    def proven_email(self) -> str:
        """Where its holder is told of changes; empty where nobody has proven the present address, whose reader may be anybody."""
        return self.email if self.email_verified else ""

    @evolves(accounts.AccountRegistered)
    def _registered(self, event: accounts.AccountRegistered) -> None:
        self.username = event.username
        self.email = event.email
        self.password_hash = event.password_hash
        self.profile = {"first_name": event.first_name, "last_name": event.last_name}
        self.image_path = accounts.default_image_path(self.number)
        self.edited_on = self.registered_on = event.timestamp

    @evolves(accounts.RegistrationRenewed)
    def _renewed(self, event: accounts.RegistrationRenewed) -> None:
        self.username = event.username
        if self.password_hash != event.password_hash:
            self.password_hash = event.password_hash
            self.contested = True
        self.registered_on = event.timestamp

    @evolves(accounts.RegistrationExpired, accounts.AccountErased)
    def _gone(self, event: object) -> None:
        self.state = "gone"
        self.username = self.email = ""
        self.password_hash = self.api_key_digest = None
        self.links = {}
        self.told = {}
        self.profile = {}
        self.app_settings = {}

    @evolves(accounts.AccountVerified)
    def _verified(self, event: accounts.AccountVerified) -> None:
        self.verified = True
        self.email_verified = True
        self.state = "active"
        self._use_up(event.code_id)

    @evolves(accounts.AccountPromoted)
    def _promoted(self, event: accounts.AccountPromoted) -> None:
        self.is_staff = event.is_staff
        self.is_superuser = event.is_superuser

    @evolves(accounts.AccountDisabled)
    def _disabled(self, event: accounts.AccountDisabled) -> None:
        self.state = "disabled"
        self.epoch += 1

    @evolves(accounts.AccountEnabled)
    def _enabled(self, event: accounts.AccountEnabled) -> None:
        self.state = "active" if self.verified else "pending"

    @evolves(accounts.AccountErasureRequested)
    def _erasure_requested(self, event: accounts.AccountErasureRequested) -> None:
        self.state = "erasing"
        self.epoch += 1
        self._use_up(event.code_id)

    @evolves(accounts.EmailChangeRequested)
    def _email_change_requested(self, event: accounts.EmailChangeRequested) -> None:
        self._use_up(event.code_id)

    @evolves(accounts.PasswordChanged, accounts.PasswordReset)
    def _password_changed(self, event: accounts.PasswordChanged | accounts.PasswordReset) -> None:
        self.password_hash = event.password_hash
        self.contested = False
        self.epoch += 1
        self._use_up(event.code_id)

    @evolves(accounts.PasswordRehashed)
    def _password_rehashed(self, event: accounts.PasswordRehashed) -> None:
        self.password_hash = event.password_hash

    @evolves(accounts.PasswordDropped)
    def _password_dropped(self, event: accounts.PasswordDropped) -> None:
        self.password_hash = None
        self.epoch += 1

    @evolves(accounts.EmailChanged)
    def _email_changed(self, event: accounts.EmailChanged) -> None:
        self.email = event.email
        self.email_verified = event.verified
        self.edited_on = event.timestamp
        self._use_up(event.code_id)

    @evolves(accounts.UsernameChanged)
    def _username_changed(self, event: accounts.UsernameChanged) -> None:
        self.username = event.username
        self.edited_on = event.timestamp

    @evolves(accounts.ProfileChanged)
    def _profile_changed(self, event: accounts.ProfileChanged) -> None:
        self.profile = {**self.profile, **event.changes}
        self.edited_on = event.timestamp

    @evolves(accounts.AppSettingsChanged)
    def _app_settings_changed(self, event: accounts.AppSettingsChanged) -> None:
        self.app_settings = {**self.app_settings, **event.changes}
        self.edited_on = event.timestamp

    @evolves(accounts.AvatarChanged)
    def _avatar_changed(self, event: accounts.AvatarChanged) -> None:
        self.image_path = event.image_path
        self.edited_on = event.timestamp

    @evolves(accounts.ApiKeyRotated)
    def _api_key_rotated(self, event: accounts.ApiKeyRotated) -> None:
        self.api_key_digest = event.key_digest if event.key_prefix else None

    @evolves(accounts.SocialAccountLinked)
    def _linked(self, event: accounts.SocialAccountLinked) -> None:
        self.links = {**self.links, event.provider: event.provider_uid}
        self.told = {**self.told, event.provider: (event.email, tuple(sorted(event.extra.items())))}

    @evolves(accounts.SocialAccountRefreshed)
    def _link_refreshed(self, event: accounts.SocialAccountRefreshed) -> None:
        self.told = {**self.told, event.provider: (event.email, tuple(sorted(event.extra.items())))}

    @evolves(accounts.SocialAccountUnlinked)
    def _unlinked(self, event: accounts.SocialAccountUnlinked) -> None:
        self.links = {provider: uid for provider, uid in self.links.items() if provider != event.provider}

    def _use_up(self, code_id: str | None) -> None:
        if code_id is not None:
            self.used_codes = (*self.used_codes, code_id)[-REMEMBERED_CODES:]
