"""The event classes of every area: the language that both sides speak."""

from eventstore.events import (
    accounts,
    attachments,
    calendars,
    courses,
    erasure,
    invitations,
    note_sessions,
    notes,
    operations,
    planner,
    sessions,
    subscriptions,
)
from eventstore.events.base import EVENT_TYPES, Event, Forgotten

__all__ = [
    "EVENT_TYPES",
    "Event",
    "Forgotten",
    "accounts",
    "attachments",
    "calendars",
    "courses",
    "erasure",
    "invitations",
    "note_sessions",
    "notes",
    "operations",
    "planner",
    "sessions",
    "subscriptions",
]
