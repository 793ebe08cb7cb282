"""Events of accounts -> rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from eventstore.events import Event, accounts
from eventstore.events.base import stream_number
from projections.accounts.rendering import API_PATH, offset_time, with_addresses, with_members
from projections.base import Key, Projection, Row, Table, handles
from projections.rows import Rows

SKILL = "mcp_skill_md"
"""The app setting that holds what an account tells assistants, as markdown."""


@dataclass(slots=True)
class AccountRow(Row):
    """One account."""

    id: int
    username: str
    email: str
    password_hash: str | None
    is_active: bool
    is_verified: bool
    is_disabled: bool
    is_staff: bool
    is_superuser: bool
    epoch: int
    """How often all sessions were ended; see projections.callers.LIVE."""
    api_key_digest: str | None
    api_key_prefix: str
    image_path: str
    first_name: str
    last_name: str
    motto: str
    social_link: str
    editor_mode: str
    theme_preset: str
    theme_mode: str
    api_base_url: str | None
    """None until an app stores one: the address of the request is shown then (contract: clients 9.2)."""
    app_settings: str
    """What apps have stored, as JSON."""
    app_settings_updated_at: datetime | None
    registered_at: datetime
    edited_at: datetime
    """The last change of what the settings show."""
    card: str = ""
    """The author card as JSON; 0x1A in it stands for the origin of addresses, as in the two below."""
    user_json: str = ""
    """`user` of the auth payload."""
    settings_json: str = ""
    mark: int = 0

    def finish(self) -> None:
        """Renders the JSON forms."""
        image = "/media/" + self.image_path
        shown = f"{self.first_name} {self.last_name}".strip() or self.username
        card = {"id": self.id, "username": self.username, "display_name": shown}
        self.card = with_addresses(card, {"image_url": image, "avatar_url": image})
        about = {
            "username": self.username,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "email": self.email,
            "is_staff": self.is_staff,
            "is_superuser": self.is_superuser,
            "motto": self.motto,
            "social_link": self.social_link,
            "editor_mode": self.editor_mode,
            "theme_preset": self.theme_preset,
            "theme_mode": self.theme_mode,
            "app_settings_updated_at": (offset_time(self.app_settings_updated_at) if self.app_settings_updated_at is not None else None),
        }
        addresses = {"image_url": image}
        if self.api_base_url is None:
            addresses["api_base_url"] = API_PATH
        else:
            about["api_base_url"] = self.api_base_url
        kept = self._app_settings()
        user = with_addresses({"id": self.id, **about, "display_name": shown}, addresses)
        self.user_json = with_members(user, app_settings=kept)
        about |= {"display_name": shown, "api_key_prefix": self.api_key_prefix, "last_edit": offset_time(self.edited_at)}
        settings = with_addresses({**about, SKILL: self._skill()}, addresses)
        self.settings_json = with_members(settings, app_settings=kept)

    def _skill(self) -> str:
        """What the account tells assistants."""
        skill = orjson.loads(self.app_settings).get(SKILL)
        return skill if isinstance(skill, str) else ""

    def _app_settings(self) -> str:
        """What was stored laid over the three mirrored columns (contract: accounts 14.3)."""
        kept = {"theme_preset": self.theme_preset, "theme_mode": self.theme_mode}
        if self.api_base_url is not None:
            kept["api_base_url"] = self.api_base_url
        kept.update(orjson.loads(self.app_settings))
        return with_addresses(kept, {} if "api_base_url" in kept else {"api_base_url": API_PATH})


@dataclass(slots=True)
class SocialLinkRow(Row):
    """An identity at a provider that may sign in to an account."""

    account_id: int
    provider: str
    id: int
    provider_uid: str
    email: str
    extra: str
    linked_at: datetime
    mark: int = 0


ACCOUNTS = Table(
    "accounts",
    AccountRow,
    key=("id",),
    stream="account",
    ddl="""
    CREATE UNIQUE INDEX accounts_username_unique ON {schema}.accounts (lower(username));
    CREATE UNIQUE INDEX accounts_email_unique ON {schema}.accounts (lower(email)) WHERE email <> '';
    CREATE UNIQUE INDEX accounts_api_key_unique ON {schema}.accounts (api_key_digest) WHERE api_key_digest IS NOT NULL;
    CREATE INDEX accounts_pending ON {schema}.accounts (registered_at) WHERE NOT is_verified;
    CREATE INDEX accounts_old_passwords ON {schema}.accounts (id) WHERE password_hash LIKE 'pbkdf2_sha256$%';
    """,
)
SOCIAL_LINKS = Table(
    "social_links",
    SocialLinkRow,
    key=("account_id", "provider"),
    stream="account",
    ddl="CREATE UNIQUE INDEX social_links_identity_unique ON {schema}.social_links (provider, provider_uid);",
)


class Accounts(Projection):
    """Accounts by id, name, address, API key and linked identity."""

    name = "accounts"
    version = 3
    lifecycle = "inline"
    tables = (ACCOUNTS, SOCIAL_LINKS)

    def keys(self, event: Event) -> Iterator[tuple[Table[Any], Key]]:
        """An account's row, and the link of the provider that the event names."""
        account_id = stream_number(event.originator_id)
        yield ACCOUNTS, (account_id,)
        if isinstance(event, _LINK_EVENTS):
            yield SOCIAL_LINKS, (account_id, event.provider)
        elif isinstance(event, accounts.AccountErased):
            for provider in PROVIDERS:
                yield SOCIAL_LINKS, (account_id, provider)

    @handles(accounts.AccountRegistered)
    def registered(self, rows: Rows, event: accounts.AccountRegistered) -> None:
        """A new account, not active yet."""
        account_id = stream_number(event.originator_id)
        row = AccountRow(
            id=account_id,
            username=event.username,
            email=event.email,
            password_hash=event.password_hash,
            is_active=False,
            is_verified=False,
            is_disabled=False,
            is_staff=False,
            is_superuser=False,
            epoch=0,
            api_key_digest=None,
            api_key_prefix="",
            image_path=accounts.default_image_path(account_id),
            first_name=event.first_name,
            last_name=event.last_name,
            motto="",
            social_link="",
            editor_mode="P",
            theme_preset="teal",
            theme_mode="S",
            api_base_url=None,
            app_settings="{}",
            app_settings_updated_at=None,
            registered_at=event.timestamp,
            edited_at=event.timestamp,
        )
        rows.add(ACCOUNTS, row, event)

    @handles(accounts.RegistrationRenewed)
    def renewed(self, rows: Rows, event: accounts.RegistrationRenewed) -> None:
        """The pending account has another name and password."""
        if row := self._due(rows, event):
            row.username = event.username
            row.password_hash = event.password_hash
            row.registered_at = event.timestamp

    @handles(accounts.RegistrationExpired)
    def registration_expired(self, rows: Rows, event: Event) -> None:
        """Name and address are free."""
        rows.remove(ACCOUNTS, stream_number(event.originator_id))

    @handles(accounts.AccountErasureRequested)
    def erasure_requested(self, rows: Rows, event: Event) -> None:
        """Shut, and signed out everywhere."""
        if row := self._due(rows, event):
            row.is_active = False
            row.api_key_digest = None
            row.epoch += 1

    @handles(accounts.AccountErased)
    def erased(self, rows: Rows, event: Event) -> None:
        """Nothing is left."""
        account_id = stream_number(event.originator_id)
        rows.remove(ACCOUNTS, account_id)
        for provider in PROVIDERS:
            rows.remove(SOCIAL_LINKS, (account_id, provider))

    @handles(accounts.AccountVerified)
    def verified(self, rows: Rows, event: Event) -> None:
        """The account may sign in."""
        if row := self._due(rows, event):
            row.is_verified = True
            row.is_active = True

    @handles(accounts.AccountPromoted)
    def promoted(self, rows: Rows, event: accounts.AccountPromoted) -> None:
        """Rights changed."""
        if row := self._due(rows, event):
            row.is_staff = event.is_staff
            row.is_superuser = event.is_superuser

    @handles(accounts.AccountDisabled)
    def disabled(self, rows: Rows, event: Event) -> None:
        """Shut, and signed out everywhere."""
        if row := self._due(rows, event):
            row.is_disabled = True
            row.is_active = False
            row.epoch += 1

    @handles(accounts.AccountEnabled)
    def enabled(self, rows: Rows, event: Event) -> None:
        """Open again."""
        if row := self._due(rows, event):
            row.is_disabled = False
            row.is_active = row.is_verified

    @handles(accounts.PasswordChanged, accounts.PasswordReset)
    def password_changed(self, rows: Rows, event: accounts.PasswordChanged | accounts.PasswordReset) -> None:
        """Another password; older sessions are dead."""
        if row := self._due(rows, event):
            row.password_hash = event.password_hash
            row.epoch += 1

    @handles(accounts.PasswordRehashed)
    def password_rehashed(self, rows: Rows, event: accounts.PasswordRehashed) -> None:
        """The same password."""
        if row := self._due(rows, event):
            row.password_hash = event.password_hash

    @handles(accounts.PasswordDropped)
    def password_dropped(self, rows: Rows, event: Event) -> None:
        """No password; older sessions are dead."""
        if row := self._due(rows, event):
            row.password_hash = None
            row.epoch += 1

    @handles(accounts.EmailChanged)
    def email_changed(self, rows: Rows, event: accounts.EmailChanged) -> None:
        """Another address."""
        if row := self._edited(rows, event):
            row.email = event.email

    @handles(accounts.UsernameChanged)
    def username_changed(self, rows: Rows, event: accounts.UsernameChanged) -> None:
        """Another name."""
        if row := self._edited(rows, event):
            row.username = event.username

    @handles(accounts.ProfileChanged)
    def profile_changed(self, rows: Rows, event: accounts.ProfileChanged) -> None:
        """Other words about the holder."""
        if row := self._edited(rows, event):
            for name in PROFILE_FIELDS & event.changes.keys():
                setattr(row, name, event.changes[name])

    @handles(accounts.AppSettingsChanged)
    def app_settings_changed(self, rows: Rows, event: accounts.AppSettingsChanged) -> None:
        """Other preferences; three of them are columns as well."""
        if row := self._edited(rows, event):
            kept = orjson.loads(row.app_settings) | event.changes
            row.app_settings = orjson.dumps(kept).decode()
            if event.updated_at:
                row.app_settings_updated_at = datetime.fromisoformat(event.updated_at)
            for name in MIRRORED & event.changes.keys():
                setattr(row, name, event.changes[name])

    @handles(accounts.AvatarChanged)
    def avatar_changed(self, rows: Rows, event: accounts.AvatarChanged) -> None:
        """Another picture."""
        if row := self._edited(rows, event):
            row.image_path = event.image_path

    @handles(accounts.ApiKeyRotated)
    def api_key_rotated(self, rows: Rows, event: accounts.ApiKeyRotated) -> None:
        """The old key is dead at once."""
        if row := self._due(rows, event):
            row.api_key_digest = event.key_digest
            row.api_key_prefix = event.key_prefix

    @handles(accounts.SocialAccountLinked)
    def linked(self, rows: Rows, event: accounts.SocialAccountLinked) -> None:
        """An identity was linked, or took the place of another."""
        self._due(rows, event)
        key = (stream_number(event.originator_id), event.provider)
        fresh = SocialLinkRow(
            account_id=key[0],
            provider=event.provider,
            id=event.link_id,
            provider_uid=event.provider_uid,
            email=event.email,
            extra=orjson.dumps(event.extra).decode(),
            linked_at=event.timestamp,
        )
        if rows.add(SOCIAL_LINKS, fresh, event) is None and (row := rows.due(SOCIAL_LINKS, key, event)):
            row.id = fresh.id
            row.provider_uid = fresh.provider_uid
            row.email = fresh.email
            row.extra = fresh.extra
            row.linked_at = fresh.linked_at

    @handles(accounts.SocialAccountRefreshed)
    def link_refreshed(self, rows: Rows, event: accounts.SocialAccountRefreshed) -> None:
        """The provider tells something else."""
        if row := rows.due(SOCIAL_LINKS, (stream_number(event.originator_id), event.provider), event):
            row.email = event.email
            row.extra = orjson.dumps(event.extra).decode()

    @handles(accounts.SocialAccountUnlinked)
    def unlinked(self, rows: Rows, event: accounts.SocialAccountUnlinked) -> None:
        """The identity may not sign in any more."""
        rows.remove(SOCIAL_LINKS, (stream_number(event.originator_id), event.provider))

    def _edited(self, rows: Rows, event: Event) -> AccountRow | None:
        row = self._due(rows, event)
        if row is not None:
            row.edited_at = event.timestamp
        return row

    def _due(self, rows: Rows, event: Event) -> AccountRow | None:
        return rows.due(ACCOUNTS, stream_number(event.originator_id), event)


PROVIDERS = ("google", "github")
PROFILE_FIELDS = frozenset({"first_name", "last_name", "motto", "social_link", "editor_mode"})
MIRRORED = frozenset({"theme_preset", "theme_mode", "api_base_url"})
_LINK_EVENTS = (accounts.SocialAccountLinked, accounts.SocialAccountRefreshed, accounts.SocialAccountUnlinked)
