"""Events of note sessions, one sitting of work on a note each: stream note-session-<id>.

Times are in the notation of eventstore.moments.
"""

from __future__ import annotations

from eventstore.events.base import Event


class NoteSessionStarted(Event):
    """Somebody opened a note to work on it."""

    owner_id: int
    note_id: int
    title: str
    summary: str
    started_at: str
    ended_at: str | None
    """Given if a whole session is recorded afterwards."""
    claimed_start: str | None = None
    """What the client's clock said, if it was not taken as UTC: the difference is how far it is ahead."""
    claimed_end: str | None = None


class NoteSessionRenamed(Event):
    """The title changed."""

    title: str


class NoteSessionSummarised(Event):
    """The summary changed."""

    summary: str


class NoteSessionStartMoved(Event):
    """It began at another time."""

    started_at: str
    claimed_start: str | None = None


class NoteSessionEnded(Event):
    """The note was closed, or the end moved."""

    ended_at: str
    claimed_end: str | None = None
    by_rule: bool = False
    """The client never closed it; see commands.note_sessions."""


class NoteSessionReopened(Event):
    """It was reopened: it has no end any more."""


class NoteSessionPurged(Event):
    """Its note is gone for good, and the session's texts with it."""
