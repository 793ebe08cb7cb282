"""The event classes of every area: the language that both sides speak."""

from eventstore.events import accounts, courses, invitations, note_sessions, notes, planner, sessions
from eventstore.events.base import EVENT_TYPES, Event, Forgotten

__all__ = ["EVENT_TYPES", "Event", "Forgotten", "accounts", "courses", "invitations", "note_sessions", "notes", "planner", "sessions"]
