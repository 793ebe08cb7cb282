"""Adding, changing and removing calendar feeds (contract: planner_platform 4)."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime

from commands.calendars.aggregates import CalendarFeed
from commands.calendars.source_urls import calendar_address
from commands.errors import Declined, Invalid, NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.preconditions import require_version
from commands.unset import UNSET, Unset
from eventstore.events import calendars

MOST_FEEDS = 200
"""Calendars of one account."""


@dataclass(frozen=True, slots=True)
class CalendarText:
    """A pasted calendar, ready to be kept."""

    digest: str
    packed: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> CalendarText:
        """Compresses the text; takes a moment for long ones, so it is not done inside a decision."""
        packed = base64.b64encode(zlib.compress(data, 6)).decode()
        return cls(hashlib.sha256(data).hexdigest(), packed, len(data))


@dataclass(frozen=True, kw_only=True, slots=True)
class AddCalendarFeed:
    """A calendar to be read from a text, else from an address; from neither it has no entries."""

    title: str
    source_kind: str = "I"
    source_url: str = ""
    text: CalendarText | None = None
    course_id: int | None = None
    is_enabled: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeCalendarFeed:
    """The fields that are named change. A text of None takes the present one away."""

    feed_id: int
    title: str | Unset = UNSET
    source_kind: str | Unset = UNSET
    source_url: str | Unset = UNSET
    text: CalendarText | Unset | None = UNSET
    course_id: int | Unset | None = UNSET
    is_enabled: bool | Unset = UNSET


CREDENTIALS_MISSING = "Enter this address with its user name and password: those that are not shown belong to another address."


def add_calendar_feed(work: Work[Lookups], command: AddCalendarFeed) -> int:
    """Adds a calendar; returns its id."""
    account_id, now = work.context.actor, work.context.now
    assert account_id is not None
    require_addable(work, command)
    feed = work.new(CalendarFeed, work.lookups.next_id("calendar_feed"))
    feed.trigger(
        calendars.CalendarFeedAdded,
        now,
        owner_id=account_id,
        title=command.title,
        source_kind=command.source_kind,
        source_url=calendar_address(command.source_url),
        course_id=command.course_id,
        is_enabled=command.is_enabled,
    )
    if command.text is not None:
        _give_text(feed, command.text, now)
    return feed.number


def require_addable(work: Work[Lookups], command: AddCalendarFeed) -> None:
    """Raises what refuses the calendar; asked for itself before anything is read."""
    assert work.context.actor is not None
    _require_course(work, command.course_id)
    require_room(work, work.context.actor)
    _complete(calendar_address(command.source_url))


def change_calendar_feed(work: Work[Lookups], command: ChangeCalendarFeed) -> int:
    """Changes what is named, one event per aspect."""
    now = work.context.now
    feed = _own_feed(work, command.feed_id)
    require_version(work, feed.modified_on)
    if not isinstance(command.course_id, Unset) and command.course_id != feed.course_id:
        _require_course(work, command.course_id)
        feed.trigger(calendars.CalendarFeedFiled, now, course_id=command.course_id)
    if not isinstance(command.title, Unset) and command.title != feed.title:
        feed.trigger(calendars.CalendarFeedRenamed, now, title=command.title)
    if not isinstance(command.source_kind, Unset) and command.source_kind != feed.source_kind:
        feed.trigger(calendars.CalendarFeedLabelled, now, source_kind=command.source_kind)
    # A client that sends back what it was shown means the address with the credentials that it was not shown.
    unchanged = (feed.source_url, calendars.shown_address(feed.source_url))
    if not isinstance(command.source_url, Unset) and (url := calendar_address(command.source_url)) not in unchanged:
        feed.trigger(calendars.CalendarFeedSourced, now, source_url=_complete(url))
    if not isinstance(command.is_enabled, Unset) and command.is_enabled != feed.is_enabled:
        feed.trigger(calendars.CalendarFeedEnabled if command.is_enabled else calendars.CalendarFeedDisabled, now)
    if command.text is None:
        if feed.text_digest is not None:
            feed.trigger(calendars.CalendarTextTaken, now)
    elif not isinstance(command.text, Unset):
        _give_text(feed, command.text, now)
    return feed.number


def _complete(url: str) -> str:
    if calendars.hides_credentials(url):
        raise Invalid({"source_url": [CREDENTIALS_MISSING]})
    return url


def remove_calendar_feed(work: Work[Lookups], feed_id: int) -> int:
    """Removes a calendar with all of its entries."""
    feed = _own_feed(work, feed_id)
    require_version(work, feed.modified_on)
    feed.trigger(calendars.CalendarFeedRemoved, work.context.now)
    return feed.number


def restore_calendar_feed(work: Work[Lookups], feed_id: int) -> int:
    """Brings a removed calendar back."""
    feed = _own_feed(work, feed_id, removed=True)
    require_room(work, feed.owner_id)
    feed.trigger(calendars.CalendarFeedRestored, work.context.now)
    return feed.number


def require_room(work: Work[Lookups], account_id: int) -> None:
    """Raises Declined when the account cannot have one calendar more."""
    if work.lookups.count_feeds(account_id) >= MOST_FEEDS:
        raise Declined(f"An account can have {MOST_FEEDS} calendars. Remove one first.")
    for condition in work.lookups.at_most_feeds(account_id, MOST_FEEDS):
        work.require(condition)


def _give_text(feed: CalendarFeed, text: CalendarText, now: datetime) -> None:
    if text.digest != feed.text_digest:
        feed.trigger(calendars.CalendarTextGiven, now, digest=text.digest, packed=text.packed, size=text.size)


def _own_feed(work: Work[Lookups], feed_id: int, *, removed: bool = False) -> CalendarFeed:
    feed = work.find(CalendarFeed, feed_id)
    if feed is None or feed.owner_id != work.context.actor or feed.removed != removed:
        raise NotFound("CalendarFeed")
    return feed


def _require_course(work: Work[Lookups], course_id: int | None) -> None:
    if course_id is not None and not work.lookups.course_exists(course_id):
        raise NotFound("Course")
