"""A calendar feed and a secret calendar address as their decisions see them."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.aggregate import Aggregate, evolves
from eventstore.events import Event, calendars

USE_NOTED_EVERY = timedelta(hours=1)


class CalendarFeed(Aggregate):
    """One calendar that is read in. The text itself is not part of the state; its digest is."""

    kind = "calendar-feed"

    owner_id: int
    title: str
    source_kind: str
    source_url: str
    course_id: int | None
    is_enabled: bool
    text_digest: str | None
    removed: bool

    @evolves(calendars.CalendarFeedAdded)
    def _added(self, event: calendars.CalendarFeedAdded) -> None:
        self.owner_id = event.owner_id
        self.title = event.title
        self.source_kind = event.source_kind
        self.source_url = event.source_url
        self.course_id = event.course_id
        self.is_enabled = event.is_enabled
        self.text_digest = None
        self.removed = False

    @evolves(calendars.CalendarTextGiven)
    def _text_given(self, event: calendars.CalendarTextGiven) -> None:
        self.text_digest = event.digest

    @evolves(calendars.CalendarTextTaken)
    def _text_taken(self, event: Event) -> None:
        self.text_digest = None

    @evolves(calendars.CalendarFeedRenamed)
    def _renamed(self, event: calendars.CalendarFeedRenamed) -> None:
        self.title = event.title

    @evolves(calendars.CalendarFeedLabelled)
    def _labelled(self, event: calendars.CalendarFeedLabelled) -> None:
        self.source_kind = event.source_kind

    @evolves(calendars.CalendarFeedSourced)
    def _sourced(self, event: calendars.CalendarFeedSourced) -> None:
        self.source_url = event.source_url

    @evolves(calendars.CalendarFeedFiled)
    def _filed(self, event: calendars.CalendarFeedFiled) -> None:
        self.course_id = event.course_id

    @evolves(calendars.CalendarFeedEnabled)
    def _enabled(self, event: Event) -> None:
        self.is_enabled = True

    @evolves(calendars.CalendarFeedDisabled)
    def _disabled(self, event: Event) -> None:
        self.is_enabled = False

    @evolves(calendars.CalendarFeedRemoved)
    def _removed(self, event: Event) -> None:
        self.removed = True

    @evolves(calendars.CalendarFeedRestored)
    def _restored(self, event: Event) -> None:
        self.removed = False


class CalendarAddress(Aggregate):
    """One secret address."""

    kind = "calendar-address"

    owner_id: int
    revoked: bool
    used_at: datetime | None

    @evolves(calendars.CalendarAddressMade)
    def _made(self, event: calendars.CalendarAddressMade) -> None:
        self.owner_id = event.owner_id
        self.revoked = False
        self.used_at = None

    @evolves(calendars.CalendarAddressUsed)
    def _used(self, event: Event) -> None:
        self.used_at = event.timestamp

    @evolves(calendars.CalendarAddressRevoked)
    def _revoked(self, event: Event) -> None:
        self.revoked = True

    def use(self, now: datetime) -> None:
        """Notes that it was read, unless that was noted a moment ago."""
        if not self.revoked and (self.used_at is None or now - self.used_at >= USE_NOTED_EVERY):
            self.trigger(calendars.CalendarAddressUsed, now)
