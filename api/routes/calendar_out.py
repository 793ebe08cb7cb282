"""The own calendar for Google, Apple, Outlook and other programs, under secret addresses."""

from __future__ import annotations

import email.utils
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from starlette.responses import Response

from api.call import Call
from api.errors import route_error
from api.routing import Route
from api.schemas.calendars import CalendarAddressIn, CalendarAddressMade, CalendarAddressOut
from api.writing import carry_out
from commands.calendars.addresses import (
    make_calendar_address,
    note_calendar_address_use,
    revoke_calendar_address,
    rotate_calendar_address,
)
from commands.context import Context
from commands.errors import NotFound
from projections.calendars import queries
from projections.calendars.published import get_published_calendar, list_published_entries
from projections.calendars.writing import WRITER, written_calendar
from projections.reading import Credentials, secret_digest

TOKEN = re.compile(r"([0-9a-f]{48})\.ics")
TOKEN_BYTES = 24
NOBODY = Credentials("none")
SETTLED = timedelta(seconds=2)
"""After so long no further change comes with the second of the last one."""


async def list_calendar_addresses(call: Call) -> bytes:
    """The caller's addresses, without their tokens."""
    body: bytes = (await call.ask(queries.list_calendar_addresses()))[0]
    return body


def make(call: Call) -> Response:
    """A new address. It is shown this once; kept for repetitions of the request it is sealed."""
    token = secrets.token_hex(TOKEN_BYTES)
    digest = secret_digest(call.services.key, token)
    label, sessions = call.body.label, call.body.includes_sessions
    return carry_out(
        call,
        lambda work: make_calendar_address(work, label, digest, includes_sessions=sessions),
        lambda _, row: (201, _shown(call, row, token)),
        answer=queries.get_calendar_address,
        secret=True,
    )


def rotate(call: Call) -> Response:
    """Another token; the old address is void at once."""
    token = secrets.token_hex(TOKEN_BYTES)
    digest = secret_digest(call.services.key, token)
    return carry_out(
        call,
        lambda work: rotate_calendar_address(work, call.path["address_id"], digest),
        lambda _, row: (200, _shown(call, row, token)),
        answer=queries.get_calendar_address,
        secret=True,
    )


def revoke(call: Call) -> Response:
    """The address is void at once, for good."""
    return carry_out(call, lambda work: revoke_calendar_address(work, call.path["address_id"]), lambda _id, _row: (204, b""))


def published_calendar(call: Call) -> Response:
    """The calendar behind a secret address; 304 while it is what the program has already."""
    match = TOKEN.fullmatch(call.path["name"])
    services = call.services
    if match is None:
        return route_error(404, call.scope)
    digest = secret_digest(services.key, match[1])
    _, row = services.reader.ask_now(get_published_calendar(digest), NOBODY)
    address_id, owner_id, sessions, zone, username, unnoted, fingerprint, changed_at = row
    if address_id is None or username is None:
        return route_error(404, call.scope)
    if unnoted:
        services.commands.run(lambda work: note_calendar_address_use(work, address_id), Context(actor=None, channel="system"))
    etag, modified = f'"{WRITER}-{fingerprint}"', _modified(changed_at)
    headers = {
        "ETag": etag,
        **({"Last-Modified": email.utils.format_datetime(modified, usegmt=True)} if modified else {}),
        "Cache-Control": "private, max-age=0, must-revalidate",
        "Content-Disposition": 'inline; filename="notechondria.ics"',
    }
    if _is_current(call, etag, modified):
        return Response(status_code=304, headers=headers)
    _, (entries,) = services.reader.ask_now(list_published_entries(owner_id, sessions=sessions), NOBODY)
    body = written_calendar(f"Notechondria ({username})", zone, orjson.loads(entries), owner_id)
    return Response(body, 200, headers, "text/calendar; charset=utf-8")


def _modified(changed_at: datetime) -> datetime | None:
    """The second by which the last change was made; None while another one may come with it (RFC 9110, 8.8.2.2)."""
    if datetime.now(UTC) - changed_at < SETTLED:
        return None
    return changed_at.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)


def _is_current(call: Call, etag: str, modified: datetime | None) -> bool:
    known = call.header(b"if-none-match")
    if known is not None:
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        return etag in tags or "*" in tags
    since = call.header(b"if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return modified <= email.utils.parsedate_to_datetime(since).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return False


def _shown(call: Call, row: Sequence[Any] | None, token: str) -> bytes:
    if row is None or row[0] is None:
        raise NotFound("CalendarAddress")
    body: bytes = row[0]
    return body + b',"url":' + orjson.dumps(f"{call.origin}/calendar/{token}.ics") + b"}"


ROUTES = [
    Route("GET", "/calendar-addresses/", list_calendar_addresses, "List secret calendar addresses", answer=list[CalendarAddressOut]),
    Route(
        "POST", "/calendar-addresses/", make, "Create a secret calendar address",
        description="The address itself is shown only in this response.",
        caller="session_only", body=CalendarAddressIn,
        answer=CalendarAddressMade, status=201,
        examples={"phone": {"label": "Phone", "includes_sessions": False}},
    ),
    Route(
        "POST", "/calendar-addresses/{address_id:int}/rotate/", rotate, "Replace a calendar address's token",
        description="The old address stops working; the new one is shown only in this response.",
        caller="session_only",
        answer=CalendarAddressMade,
    ),
    Route("DELETE", "/calendar-addresses/{address_id:int}/", revoke, "Revoke a calendar address", caller="session_only", status=204),
]  # fmt: skip

SITE_ROUTES = [
    Route(
        "GET",
        "/calendar/{name:str}",
        published_calendar,
        "Read a published calendar",
        description="The account's plans as iCalendar, and note sessions if the address includes them. The address is the key.",
        caller="ignored",
        media="text/calendar",
        answers={304: None},
    ),
]
