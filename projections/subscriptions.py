"""Who follows which course."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eventstore.events import Event, subscriptions
from eventstore.events.base import stream_kind, stream_numbers
from eventstore.events.erasure import OwnerErased
from projections.base import Key, Projection, Row, Table, handles
from projections.rows import Rows


@dataclass(slots=True)
class SubscriptionRow(Row):
    """One account's relation to one course. It stays when the account stops following: so does the last opening."""

    account_id: int
    course_id: int
    is_active: bool
    is_private: bool
    subscribed_at: datetime
    opened_at: datetime | None
    mark: int = 0


SUBSCRIPTIONS = Table(
    "subscriptions",
    SubscriptionRow,
    key=("account_id", "course_id"),
    ddl="""
    CREATE INDEX subscriptions_of_course ON {schema}.subscriptions (course_id) WHERE is_active;
    """,
)


class Subscriptions(Projection):
    """Subscriptions by account and course."""

    name = "subscriptions"
    version = 1
    lifecycle = "inline"
    tables = (SUBSCRIPTIONS,)

    def keys(self, event: Event) -> Iterator[tuple[Table[Any], Key]]:
        """The stream is named after account and course."""
        if stream_kind(event.originator_id) == "subscription":
            yield SUBSCRIPTIONS, stream_numbers(event.originator_id)

    @handles(OwnerErased)
    def owner_erased(self, rows: Rows, event: Event) -> None:
        """Nothing is left."""
        for table, key in self.keys(event):
            rows.remove(table, key)

    @handles(subscriptions.CourseSubscribed)
    def subscribed(self, rows: Rows, event: subscriptions.CourseSubscribed) -> None:
        """Follows from now on; an earlier opening is remembered."""
        row = SubscriptionRow(
            account_id=event.account_id,
            course_id=event.course_id,
            is_active=True,
            is_private=event.is_private,
            subscribed_at=event.timestamp,
            opened_at=None,
        )
        if rows.add(SUBSCRIPTIONS, row, event) is not None:
            return
        if known := rows.due(SUBSCRIPTIONS, stream_numbers(event.originator_id), event):
            known.is_active = True
            known.is_private = event.is_private
            known.subscribed_at = event.timestamp

    @handles(subscriptions.CourseUnsubscribed)
    def unsubscribed(self, rows: Rows, event: Event) -> None:
        """Follows no longer."""
        if row := rows.due(SUBSCRIPTIONS, stream_numbers(event.originator_id), event):
            row.is_active = False

    @handles(subscriptions.CourseOpened)
    def opened(self, rows: Rows, event: Event) -> None:
        """Looked into the course."""
        if row := rows.due(SUBSCRIPTIONS, stream_numbers(event.originator_id), event):
            row.opened_at = event.timestamp
