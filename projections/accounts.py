"""Accounts: who may sign in, and the author card that notes and courses show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from eventstore.events import Event, accounts
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.rows import Rows


@dataclass(slots=True)
class AccountRow(Row):
    """One account."""

    id: int
    username: str
    email: str
    password_hash: str | None
    is_active: bool
    is_staff: bool
    is_superuser: bool
    api_key_digest: str | None
    api_key_prefix: str
    image_path: str
    registered_at: datetime
    card: str = ""
    """The author card as JSON; 0x1A in it stands for the origin of media addresses."""
    mark: int = 0

    def finish(self) -> None:
        """Renders the author card."""
        image = "\x1a/media/" + self.image_path if self.image_path else ""
        card = {"id": self.id, "username": self.username, "display_name": self.username, "image_url": image}
        self.card = orjson.dumps(card).decode().replace("\\u001a", "\x1a")


ACCOUNTS = Table(
    "accounts",
    AccountRow,
    key=("id",),
    stream="account",
    ddl="""
    CREATE UNIQUE INDEX accounts_username_unique ON {schema}.accounts (lower(username));
    CREATE UNIQUE INDEX accounts_email_unique ON {schema}.accounts (lower(email)) WHERE email <> '';
    CREATE UNIQUE INDEX accounts_api_key_unique ON {schema}.accounts (api_key_digest) WHERE api_key_digest IS NOT NULL;
    """,
)


class Accounts(Projection):
    """Accounts by id, name, address and API key."""

    name = "accounts"
    version = 1
    lifecycle = "inline"
    tables = (ACCOUNTS,)

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
            is_staff=False,
            is_superuser=False,
            api_key_digest=None,
            api_key_prefix="",
            image_path="",
            registered_at=event.timestamp,
        )
        rows.add(ACCOUNTS, row, event)

    @handles(accounts.AccountVerified)
    def verified(self, rows: Rows, event: Event) -> None:
        """The account may sign in."""
        if row := rows.due(ACCOUNTS, stream_number(event.originator_id), event):
            row.is_active = True

    @handles(accounts.AccountPromoted)
    def promoted(self, rows: Rows, event: accounts.AccountPromoted) -> None:
        """Rights changed."""
        if row := rows.due(ACCOUNTS, stream_number(event.originator_id), event):
            row.is_staff = event.is_staff
            row.is_superuser = event.is_superuser
