"""A note session as its decisions see it."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.aggregate import Aggregate, evolves
from commands.note_sessions.clocks import Told, ahead_at_start
from eventstore import moments
from eventstore.events import Event, note_sessions


class NoteSession(Aggregate):
    """One sitting. Its end is never before its start."""

    kind = "note-session"

    owner_id: int
    note_id: int
    title: str
    summary: str
    started_at: str
    ended_at: str | None
    ahead: timedelta | None
    """How far the client's clock is ahead of UTC, where that is known."""
    is_purged: bool = False

    @evolves(note_sessions.NoteSessionPurged)
    def _purged(self, event: Event) -> None:
        self.is_purged = True

    @evolves(note_sessions.NoteSessionStarted)
    def _started(self, event: note_sessions.NoteSessionStarted) -> None:
        self.owner_id = event.owner_id
        self.note_id = event.note_id
        self.title = event.title
        self.summary = event.summary
        self.started_at = event.started_at
        self.ended_at = event.ended_at
        self.ahead = ahead_at_start(event.started_at, event.claimed_start, event.timestamp)

    @evolves(note_sessions.NoteSessionRenamed)
    def _renamed(self, event: note_sessions.NoteSessionRenamed) -> None:
        self.title = event.title

    @evolves(note_sessions.NoteSessionSummarised)
    def _summarised(self, event: note_sessions.NoteSessionSummarised) -> None:
        self.summary = event.summary

    @evolves(note_sessions.NoteSessionStartMoved)
    def _start_moved(self, event: note_sessions.NoteSessionStartMoved) -> None:
        self.started_at = event.started_at
        if event.claimed_start is not None:
            self.ahead = ahead_at_start(event.started_at, event.claimed_start, event.timestamp)

    @evolves(note_sessions.NoteSessionEnded)
    def _ended(self, event: note_sessions.NoteSessionEnded) -> None:
        self.ended_at = event.ended_at

    @evolves(note_sessions.NoteSessionReopened)
    def _reopened(self, event: Event) -> None:
        self.ended_at = None

    def rename(self, title: str, now: datetime) -> None:
        """Another title, which may be empty."""
        if title != self.title:
            self.trigger(note_sessions.NoteSessionRenamed, now, title=title)

    def summarise(self, summary: str, now: datetime) -> None:
        """Another summary."""
        if summary != self.summary:
            self.trigger(note_sessions.NoteSessionSummarised, now, summary=summary)

    def start(self, told: Told, now: datetime) -> None:
        """Another start; an end before it moves along."""
        if told.moment != self.started_at:
            self.trigger(note_sessions.NoteSessionStartMoved, now, started_at=told.moment, claimed_start=told.claimed)
            if self.ended_at is not None:
                self.end(Told(self.ended_at, None), now)

    def end(self, told: Told, now: datetime, *, by_rule: bool = False) -> None:
        """The end; one before the start counts as the start."""
        ended_at = not_before(self.started_at, told.moment)
        if ended_at != self.ended_at:
            self.trigger(note_sessions.NoteSessionEnded, now, ended_at=ended_at, claimed_end=told.claimed, by_rule=by_rule)

    def reopen(self, now: datetime) -> None:
        """No end."""
        if self.ended_at is not None:
            self.trigger(note_sessions.NoteSessionReopened, now)


def not_before(start: str, end: str) -> str:
    """The end, or the start when the end is before it."""
    return end if moments.instant(end) >= moments.instant(start) else start
