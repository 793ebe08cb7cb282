"""Taking changes of calendar feeds back, as long as nothing newer stands in the way."""

from __future__ import annotations

from collections.abc import Mapping

from commands.calendars.aggregates import CalendarFeed
from commands.calendars.feeds import require_room
from commands.errors import Conflict
from commands.handling import Work
from commands.lookups import Lookups
from commands.undo import ASK_FIRST, LATER_FIRST, Span
from eventstore.events import Event, calendars


def take_back_calendar_feed(work: Work[Lookups], span: Span) -> None:
    """Brings a removed feed back, removes one that was added, and leads titles, addresses, texts and the like back."""
    feed = work.find(CalendarFeed, span.number)
    after = work.at(CalendarFeed, span.number, span.last)
    if feed is None or after is None or feed.is_forgotten:
        raise Conflict(f"The calendar {span.number} is gone for good.")
    before = work.at(CalendarFeed, span.number, span.first - 1)
    now = work.context.now
    if before is None or before.removed != after.removed:
        if feed.removed != after.removed:
            return
        if before is None and not feed.is_as(after):
            raise Conflict(f"{_named(feed)} was changed after it had been added. {ASK_FIRST}")
        if after.removed:
            require_room(work, feed.owner_id)
        feed.trigger(calendars.CalendarFeedRestored if after.removed else calendars.CalendarFeedRemoved, now)
        return
    _put_text_back(work, span, feed, before.text_digest, after.text_digest)
    # The title comes last, so that a refusal names the present one.
    for name, event_type in _FIELDS.items():
        former, made, present = (getattr(state, name) for state in (before, after, feed))
        if former not in (made, present):
            _require_as_made(feed, present == made)
            feed.trigger(event_type, now, **{name: former})
    if before.is_enabled != after.is_enabled and feed.is_enabled == after.is_enabled:
        feed.trigger(calendars.CalendarFeedEnabled if before.is_enabled else calendars.CalendarFeedDisabled, now)


def _put_text_back(work: Work[Lookups], span: Span, feed: CalendarFeed, before: str | None, after: str | None) -> None:
    if before in (after, feed.text_digest):
        return
    _require_as_made(feed, feed.text_digest == after)
    if before is None:
        feed.trigger(calendars.CalendarTextTaken, work.context.now)
        return
    given = work.lookups.given_calendar_text(span.number, span.first - 1)
    if given is None or given[0] != before:
        raise Conflict(f"{_named(feed)}: its earlier text is gone. Import it again.")
    digest, packed, size = given
    feed.trigger(calendars.CalendarTextGiven, work.context.now, digest=digest, packed=packed, size=size)


def _require_as_made(feed: CalendarFeed, as_made: bool) -> None:
    if not as_made:
        raise Conflict(f"{_named(feed)} has been changed since then. {LATER_FIRST}")


def _named(feed: CalendarFeed) -> str:
    return f'The calendar {feed.number} "{feed.title}"'


_FIELDS: Mapping[str, type[Event]] = {
    "source_kind": calendars.CalendarFeedLabelled,
    "source_url": calendars.CalendarFeedSourced,
    "course_id": calendars.CalendarFeedFiled,
    "title": calendars.CalendarFeedRenamed,
}
