"""Taking changes of calendar feeds back, as long as nothing newer stands in the way."""

from __future__ import annotations

from collections.abc import Mapping

from commands.calendars.aggregates import CalendarFeed
from commands.calendars.feeds import require_room
from commands.errors import Conflict
from commands.handling import Work
from commands.lookups import Lookups
from commands.undo import Span
from eventstore.events import Event, calendars


def take_back_calendar_feed(work: Work[Lookups], span: Span) -> None:
    """Brings a removed feed back, removes one that was added, and leads titles, addresses, texts and the like back."""
    feed = work.find(CalendarFeed, span.number)
    after = work.at(CalendarFeed, span.number, span.last)
    if feed is None or after is None or feed.is_forgotten:
        raise Conflict("The calendar is gone for good.")
    before = work.at(CalendarFeed, span.number, span.first - 1)
    now = work.context.now
    if before is None or before.removed != after.removed:
        if feed.removed != after.removed or (before is None and not feed.is_as(after)):
            raise Conflict("The calendar has been changed since then.")
        if after.removed:
            require_room(work, feed.owner_id)
        feed.trigger(calendars.CalendarFeedRestored if after.removed else calendars.CalendarFeedRemoved, now)
        return
    _put_text_back(work, span, feed, before.text_digest, after.text_digest)
    for name, event_type in _FIELDS.items():
        if getattr(before, name) != getattr(after, name):
            if getattr(feed, name) != getattr(after, name):
                raise Conflict("The calendar has been changed since then.")
            feed.trigger(event_type, now, **{name: getattr(before, name)})
    if before.is_enabled != after.is_enabled and feed.is_enabled == after.is_enabled:
        feed.trigger(calendars.CalendarFeedEnabled if before.is_enabled else calendars.CalendarFeedDisabled, now)


def _put_text_back(work: Work[Lookups], span: Span, feed: CalendarFeed, before: str | None, after: str | None) -> None:
    if before == after:
        return
    if feed.text_digest != after:
        raise Conflict("The calendar has been changed since then.")
    if before is None:
        feed.trigger(calendars.CalendarTextTaken, work.context.now)
        return
    given = work.lookups.given_calendar_text(span.number, span.first - 1)
    if given is None or given[0] != before:
        raise Conflict("The calendar's earlier text is gone. Import it again.")
    digest, packed, size = given
    feed.trigger(calendars.CalendarTextGiven, work.context.now, digest=digest, packed=packed, size=size)


_FIELDS: Mapping[str, type[Event]] = {
    "title": calendars.CalendarFeedRenamed,
    "source_kind": calendars.CalendarFeedLabelled,
    "source_url": calendars.CalendarFeedSourced,
    "course_id": calendars.CalendarFeedFiled,
}
