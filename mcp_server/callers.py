"""Who calls: the one place where credentials of assistants are judged (contract: mcp 3)."""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from projections.assistants.queries import get_assistants_account
from projections.reading import Caller, Credentials, Rejected
from toolbox.sharing import MAY_SHARE
from wiring import Services

KEY_SCHEME = "Bearer ntc_"
LONGEST_KEY = 512


@dataclass(frozen=True, slots=True)
class Assistant:
    """An admitted request: the account it acts for, and what is known of who sent it."""

    account_id: int
    username: str
    credentials: Credentials
    key_prefix: str
    time_zone: str
    may_share: bool
    skill: str
    origin: str
    """Scheme and host of media addresses in answers."""
    request_id: str
    agent: str
    """The client program, as its request names it."""

    @property
    def zone(self) -> ZoneInfo:
        """The account's clock."""
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Admitted:
    """An assistant, and the caller as the other doors know it."""

    assistant: Assistant
    caller: Caller


class NotAdmitted(Exception):
    """No key, or not a good one; the text is the detail of a 401."""


_present: ContextVar[Assistant] = ContextVar("assistant")


def presented(header: str | None) -> Credentials:
    """The credentials of an Authorization header. Raises NotAdmitted when there is no API key in it."""
    if header is None or not header.startswith(KEY_SCHEME):
        raise NotAdmitted("An API key is required: send the header Authorization: Bearer ntc_<your key>.")
    return Credentials("api_key", header.removeprefix("Bearer ")[:LONGEST_KEY])


async def admit(services: Services, header: str | None, *, origin: str, request_id: str, agent: str) -> Admitted:
    """Who sent this header. Raises NotAdmitted."""
    credentials = presented(header)
    try:
        caller, (prefix, zone, may_share, skill) = await services.reader.ask(get_assistants_account(MAY_SHARE), credentials)
    except Rejected:
        raise NotAdmitted("This API key is not known, or its account is not active.") from None
    assert caller.account_id is not None
    assistant = Assistant(
        account_id=caller.account_id,
        username=caller.username,
        credentials=credentials,
        key_prefix=prefix,
        time_zone=zone,
        may_share=bool(may_share),
        skill=skill or "",
        origin=origin,
        request_id=request_id,
        agent=agent,
    )
    return Admitted(assistant, caller)


def acting(assistant: Assistant) -> Token[Assistant]:
    """Makes this the assistant of the present task; give the result to `ended`."""
    return _present.set(assistant)


def ended(token: Token[Assistant]) -> None:
    """Undoes that."""
    _present.reset(token)


def present() -> Assistant:
    """The assistant whose request is being handled."""
    return _present.get()
