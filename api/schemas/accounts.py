"""Shapes of registration, codes and passwords (contract: accounts 4, 6, 7, 10, 11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel

from api.fields import Email, Integer, Model, Text, refuse
from api.fields.base import FieldType
from api.fields.text import Text as TextType
from commands.accounts.passwords import LONGEST, SHORTEST, weakness

USERNAME_PATTERN = r"[A-Za-z0-9_-]+"
USERNAME_RULE = (
    "Registration not accepted: Backend.Creators.Auth/register.validate_username — "
    "only letters, digits, hyphens and underscores can be used."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StrongPassword(TextType):
    """A new password, trimmed at both ends like all text, that is strong enough."""

    def read(self, value: object, form: bool) -> str:
        """Refuses what is too short, too long or too simple."""
        password = TextType.read(self, value, form)
        lack = weakness(password)
        if lack is not None:
            raise refuse("{lack}", lack=lack)
        return password

    def schema(self) -> dict[str, object]:
        """A string within the bounds."""
        return {"type": "string", "format": "password", "minLength": SHORTEST, "maxLength": LONGEST}


Password = Annotated[str, StrongPassword(doc="At least 8 characters: upper-case, lower-case, and one that is no letter")]
GivenPassword = Annotated[str, Text(max=LONGEST)]
Digits = Annotated[str, Text(max=64, doc="The six digits of the mail")]
Address = Annotated[str, Email()]


class RegisterIn(Model):
    """A registration."""

    username: Annotated[str, Text(min=3, max=150, pattern=USERNAME_PATTERN, pattern_message=USERNAME_RULE)]
    email: Address
    password: Password
    invitation_code: Annotated[str, Text(max=255, blank=True)] = ""


class VerifyIn(Model):
    """The mailed code."""

    email: Address
    code: Digits


class EmailIn(Model):
    """An address."""

    email: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Anything(FieldType):
    """Whatever was sent: a question that is always answered refuses nothing (contract: accounts 6.5)."""

    def read(self, value: object, form: bool) -> object:
        """Hands it on."""
        return value

    def schema(self) -> dict[str, object]:
        """A string, if it is to be a code."""
        return {"type": "string"}


class InvitationIn(Model):
    """An invitation code. Anything that cannot be one is reported as unusable; null means none."""

    invitation_code: Annotated[Any, Anything(null=True)] = None


class InvitationOut(BaseModel):
    """Whether a code is required, and whether this one is usable."""

    required: bool
    valid: bool


class DeliveryOut(BaseModel):
    """How the mail was delivered. delivery_fallback: to the server's outbox folder, because no mail server is configured."""

    message: str
    delivery_fallback: bool


class AddressedDeliveryOut(DeliveryOut):
    """How the mail was delivered, and to which address."""

    email: str


class ResetIn(Model):
    """The mailed code and the new password."""

    email: Address
    code: Digits
    password: Password


class ChangePasswordIn(Model):
    """The old and the new password, and an identity code."""

    current_password: GivenPassword
    new_password: Password
    identity_code: Digits


class ChangeEmailIn(Model):
    """First the new address with an identity code, then the same address with the code that was mailed to it."""

    new_email: Address
    identity_code: Annotated[str | None, Text(max=64, blank=True, null=True)] = None
    code: Annotated[str | None, Text(max=64, blank=True, null=True)] = None


class IdentityCodeOut(DeliveryOut):
    """Where the code was sent."""

    masked_email: str


class EmailChangeOut(BaseModel):
    """After the first step it tells how the mail was delivered, after the second it does not."""

    message: str
    email: str
    delivery_fallback: bool | None = None


class ApiKeyOut(BaseModel):
    """The new key, which is shown only here."""

    api_key: str
    api_key_prefix: str
    rotated_at: str
    mcp_endpoint: str


class EraseIn(Model):
    """An identity code."""

    identity_code: Digits


class HistoryQuery(Model):
    """A page of the history."""

    limit: Annotated[int, Integer(min=1, max=200, doc="1 to 200.")] = 50
    before: Annotated[int | None, Integer(min=1, doc="The previous page's `next_before`.")] = None


class HistoryEntry(BaseModel):
    """One event. `about` has its details, never a secret; if they are too long, `changed` in it has their names."""

    id: int
    at: str
    what: str
    session_id: int | None
    channel: str
    about: dict[str, Any]


class HistoryOut(BaseModel):
    """A page of the history; next_before is null on the last one."""

    results: list[HistoryEntry]
    next_before: int | None
