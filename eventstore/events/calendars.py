"""Events of calendars: streams calendar-feed-<id> (calendars read in) and calendar-address-<id> (the calendar given out)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from eventstore.events.base import Event, with_whole_number

HIDDEN = "***"
"""Shown in place of the user name and password in an address."""


def shown_address(url: str) -> str:
    """The address as clients see it: credentials in it are written once and never shown again."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    credentials, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{HIDDEN}@{host}")) if at and credentials else url


def hides_credentials(url: str) -> bool:
    """Whether this is an address as it is shown, which nothing can be read from."""
    return f"//{HIDDEN}@" in url


class CalendarFeedAdded(Event):
    """A calendar was imported or subscribed."""

    class_version = 2

    owner_id: int
    title: str
    source_kind: str
    """I imported, S subscribed; a label."""
    source_url: str
    """Empty for pasted calendars."""
    course_id: int | None
    is_enabled: bool

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        """The course came as 7.0 at times."""
        with_whole_number(state, "course_id")


class CalendarTextGiven(Event):
    """The calendar's text was pasted or uploaded; it takes precedence over the address."""

    digest: str
    """SHA-256 of the text in UTF-8, hex."""
    packed: str
    """The text, compressed by zlib, in base64."""
    size: int
    """Bytes of the text."""


class CalendarTextTaken(Event):
    """The pasted text was removed; the address is used again."""


class CalendarFeedRenamed(Event):
    """The title changed."""

    title: str


class CalendarFeedLabelled(Event):
    """Its label changed: imported or subscribed."""

    source_kind: str


class CalendarFeedSourced(Event):
    """It is read from another address; if that is empty, nothing is read."""

    source_url: str


class CalendarFeedFiled(Event):
    """Its entries belong to another course, or none."""

    class_version = 2

    course_id: int | None

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        """The course came as 7.0 at times."""
        with_whole_number(state, "course_id")


class CalendarFeedEnabled(Event):
    """Its entries are shown."""


class CalendarFeedDisabled(Event):
    """Its entries are not shown."""


class CalendarFeedRemoved(Event):
    """It went to the recycle bin, with all of its entries."""


class CalendarFeedRestored(Event):
    """It is back from the recycle bin."""


class CalendarAddressMade(Event):
    """A secret address under which calendar programs read the account's plans."""

    owner_id: int
    label: str
    token_digest: str
    """HMAC of the token in the address; the token itself is not stored."""
    includes_sessions: bool


class CalendarAddressRotated(Event):
    """The old token stopped working; this one replaces it."""

    token_digest: str


class CalendarAddressUsed(Event):
    """The calendar was read at this address. Recorded at most once an hour."""


class CalendarAddressRevoked(Event):
    """The address stopped working for good."""
