"""Events of calendars -> rows. What the calendars hold is in the schema feeds, kept by reactors/feeds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from eventstore.events import Event, calendars
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.rows import Rows
from projections.wire import fragment, zulu_time


@dataclass(slots=True)
class FeedRow(Row):
    """One calendar that is read in."""

    id: int
    owner_id: int
    title: str
    source_kind: str
    source_url: str
    source_digest: bytes | None
    """SHA-256 of the address; None without one."""
    text_digest: bytes | None
    """SHA-256 of the pasted text, which counts before the address."""
    course_id: int | None
    is_enabled: bool
    created_at: datetime
    last_edit: datetime
    deleted_at: datetime | None
    item: str = ""
    """Members of the feed object as JSON, without course_id and what reading it came to."""
    mark: int = 0

    def take_source(self, url: str) -> None:
        """Another address."""
        self.source_url = url
        self.source_digest = hashlib.sha256(url.encode()).digest() if url else None

    def finish(self) -> None:
        """Renders the feed object."""
        self.item = fragment(
            {
                "id": self.id,
                "title": self.title,
                "source_kind": self.source_kind,
                "source_url": calendars.shown_address(self.source_url),
                "is_enabled": self.is_enabled,
                "date_created": zulu_time(self.created_at),
                "last_edit": zulu_time(self.last_edit),
            }
        )


@dataclass(slots=True)
class AddressRow(Row):
    """One secret address."""

    id: int
    owner_id: int
    label: str
    token_digest: str | None
    """None once it is revoked."""
    includes_sessions: bool
    made_at: datetime
    rotated_at: datetime | None
    used_at: datetime | None
    mark: int = 0


FEEDS = Table(
    "feeds",
    FeedRow,
    key=("id",),
    stream="calendar-feed",
    ddl="""
    CREATE INDEX feeds_of_owner ON {schema}.feeds (owner_id, title, id) WHERE deleted_at IS NULL;
    CREATE INDEX feeds_by_source ON {schema}.feeds (source_digest) WHERE source_digest IS NOT NULL AND deleted_at IS NULL;
    CREATE INDEX feeds_by_text ON {schema}.feeds (text_digest) WHERE text_digest IS NOT NULL AND deleted_at IS NULL;
    """,
)
ADDRESSES = Table(
    "addresses",
    AddressRow,
    key=("id",),
    stream="calendar-address",
    ddl="""
    CREATE UNIQUE INDEX calendar_addresses_token_unique ON {schema}.addresses (token_digest) WHERE token_digest IS NOT NULL;
    CREATE INDEX calendar_addresses_of_owner ON {schema}.addresses (owner_id) WHERE token_digest IS NOT NULL;
    """,
)


class Calendars(Projection):
    """Feeds by owner, address and text; secret addresses by token."""

    name = "calendars"
    version = 2
    lifecycle = "inline"
    tables = (FEEDS, ADDRESSES)

    @handles(calendars.CalendarFeedAdded)
    def added(self, rows: Rows, event: calendars.CalendarFeedAdded) -> None:
        """A new feed."""
        row = FeedRow(
            id=stream_number(event.originator_id),
            owner_id=event.owner_id,
            title=event.title,
            source_kind=event.source_kind,
            source_url="",
            source_digest=None,
            text_digest=None,
            course_id=event.course_id,
            is_enabled=event.is_enabled,
            created_at=event.timestamp,
            last_edit=event.timestamp,
            deleted_at=None,
        )
        row.take_source(event.source_url)
        rows.add(FEEDS, row, event)

    @handles(calendars.CalendarTextGiven)
    def text_given(self, rows: Rows, event: calendars.CalendarTextGiven) -> None:
        """A pasted text."""
        if row := self._touched(rows, event):
            row.text_digest = bytes.fromhex(event.digest)

    @handles(calendars.CalendarTextTaken)
    def text_taken(self, rows: Rows, event: Event) -> None:
        """No pasted text."""
        if row := self._touched(rows, event):
            row.text_digest = None

    @handles(calendars.CalendarFeedRenamed)
    def renamed(self, rows: Rows, event: calendars.CalendarFeedRenamed) -> None:
        """Another title."""
        if row := self._touched(rows, event):
            row.title = event.title

    @handles(calendars.CalendarFeedLabelled)
    def labelled(self, rows: Rows, event: calendars.CalendarFeedLabelled) -> None:
        """Another label."""
        if row := self._touched(rows, event):
            row.source_kind = event.source_kind

    @handles(calendars.CalendarFeedSourced)
    def sourced(self, rows: Rows, event: calendars.CalendarFeedSourced) -> None:
        """Another address."""
        if row := self._touched(rows, event):
            row.take_source(event.source_url)

    @handles(calendars.CalendarFeedFiled)
    def filed(self, rows: Rows, event: calendars.CalendarFeedFiled) -> None:
        """Another course."""
        if row := self._touched(rows, event):
            row.course_id = event.course_id

    @handles(calendars.CalendarFeedEnabled)
    def enabled(self, rows: Rows, event: Event) -> None:
        """Shown."""
        if row := self._touched(rows, event):
            row.is_enabled = True

    @handles(calendars.CalendarFeedDisabled)
    def disabled(self, rows: Rows, event: Event) -> None:
        """Hidden."""
        if row := self._touched(rows, event):
            row.is_enabled = False

    @handles(calendars.CalendarFeedRemoved)
    def removed(self, rows: Rows, event: Event) -> None:
        """Gone."""
        if row := self._touched(rows, event):
            row.deleted_at = event.timestamp

    @handles(calendars.CalendarFeedRestored)
    def restored(self, rows: Rows, event: Event) -> None:
        """Back."""
        if row := self._touched(rows, event):
            row.deleted_at = None

    @handles(calendars.CalendarAddressMade)
    def address_made(self, rows: Rows, event: calendars.CalendarAddressMade) -> None:
        """A new secret address."""
        row = AddressRow(
            id=stream_number(event.originator_id),
            owner_id=event.owner_id,
            label=event.label,
            token_digest=event.token_digest,
            includes_sessions=event.includes_sessions,
            made_at=event.timestamp,
            rotated_at=None,
            used_at=None,
        )
        rows.add(ADDRESSES, row, event)

    @handles(calendars.CalendarAddressRotated)
    def address_rotated(self, rows: Rows, event: calendars.CalendarAddressRotated) -> None:
        """Another token."""
        if row := rows.due(ADDRESSES, stream_number(event.originator_id), event):
            row.token_digest = event.token_digest
            row.rotated_at = event.timestamp

    @handles(calendars.CalendarAddressUsed)
    def address_used(self, rows: Rows, event: Event) -> None:
        """It was read."""
        if row := rows.due(ADDRESSES, stream_number(event.originator_id), event):
            row.used_at = event.timestamp

    @handles(calendars.CalendarAddressRevoked)
    def address_revoked(self, rows: Rows, event: Event) -> None:
        """It is void."""
        if row := rows.due(ADDRESSES, stream_number(event.originator_id), event):
            row.token_digest = None

    def _touched(self, rows: Rows, event: Event) -> FeedRow | None:
        row = rows.due(FEEDS, stream_number(event.originator_id), event)
        if row is not None:
            row.last_edit = event.timestamp
        return row
