"""Starting, changing and closing note sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from commands.errors import Invalid, NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.note_sessions.aggregate import NoteSession, not_before
from commands.note_sessions.clocks import Told, ahead_now, is_local, told
from commands.preconditions import require_version
from commands.unset import UNSET, Unset
from eventstore import moments
from eventstore.events import note_sessions

LONGEST_SUMMARY = 255
LONGEST_TITLE = 120
DANGLING_AFTER = timedelta(hours=12)
"""A session that is open so long was never closed: its client went away."""
UNKNOWN_LENGTH = timedelta(minutes=15)
"""How long a session without any sign of work counts; as long as open sessions are shown."""
OUT_OF_RANGE = "Date is out of range."


@dataclass(frozen=True, kw_only=True, slots=True)
class StartNoteSession:
    """A sitting begins. Empty title and summary come from the note; no start means now."""

    note_id: int
    title: str = ""
    summary: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeNoteSession:
    """The fields that are named change. An end of None reopens."""

    session_id: int
    title: str | Unset = UNSET
    summary: str | Unset = UNSET
    started_at: datetime | Unset = UNSET
    ended_at: datetime | Unset | None = UNSET


def start_note_session(work: Work[Lookups], command: StartNoteSession) -> int:
    """Starts a session on a note of the caller, in the bin or not; returns its id."""
    account_id, now = work.context.actor, work.context.now
    assert account_id is not None
    note = work.lookups.note_for_session(account_id, command.note_id)
    if note is None:
        raise NotFound("Note")
    title, description, zone = note
    begun = command.started_at or now
    # A sitting that has its end already is written down afterwards: its times are not those of right now.
    ahead = ahead_now(begun, now) if command.ended_at is None and is_local(begun, zone) else None
    start = _told("started_at", begun, zone, ahead)
    end = None if command.ended_at is None else _told("ended_at", command.ended_at, zone)
    session = work.new(NoteSession, work.lookups.next_id("note_session"))
    session.trigger(
        note_sessions.NoteSessionStarted,
        now,
        owner_id=account_id,
        note_id=command.note_id,
        title=command.title or title[:LONGEST_TITLE],
        summary=command.summary or (description or "")[:LONGEST_SUMMARY],
        started_at=start.moment,
        ended_at=None if end is None else not_before(start.moment, end.moment),
        claimed_start=start.claimed,
        claimed_end=None if end is None else end.claimed,
    )
    # The text that a session takes from its note has to be forgotten with it, so no session may come behind a purge.
    work.require(work.lookups.note_is_not_purged(command.note_id))
    return session.number


def change_note_session(work: Work[Lookups], command: ChangeNoteSession) -> int:
    """Changes what is named, one event per aspect."""
    now = work.context.now
    session = work.find(NoteSession, command.session_id)
    if session is None or session.is_purged or session.owner_id != work.context.actor:
        raise NotFound("NoteSession")
    require_version(work, session.modified_on)
    zone = None
    if not isinstance(command.started_at, Unset) or not isinstance(command.ended_at, Unset):
        zone = work.lookups.account_zone(session.owner_id)
    if not isinstance(command.title, Unset):
        session.rename(command.title, now)
    if not isinstance(command.summary, Unset):
        session.summarise(command.summary, now)
    if not isinstance(command.started_at, Unset):
        session.start(_told("started_at", command.started_at, zone, session.ahead), now)
    if command.ended_at is None:
        session.reopen(now)
    elif not isinstance(command.ended_at, Unset):
        ahead = session.ahead
        if isinstance(command.started_at, Unset) and session.ended_at is None and is_local(command.ended_at, zone):
            ahead = _ahead_at_end(session, command.ended_at, now)
        session.end(_told("ended_at", command.ended_at, zone, ahead), now)
    return session.number


def close_dangling_session(work: Work[Lookups], session_id: int) -> bool:
    """Ends a session that its client never closed, at the last save of its note while it may have run.

    Without a save it counts a quarter of an hour. Returns whether it was still open.
    """
    session = work.find(NoteSession, session_id)
    if session is None or session.is_purged or session.ended_at is not None:
        return False
    started_at = moments.instant(session.started_at)
    saved = work.lookups.last_save(session.note_id, started_at, started_at + DANGLING_AFTER)
    session.end(Told(moments.moment(saved or started_at + UNKNOWN_LENGTH, None), None), work.context.now, by_rule=True)
    return True


def purge_sessions_of(work: Work[Lookups], note_ids: Sequence[int]) -> None:
    """Makes the sessions of these notes forgotten, as those are purged: their titles and summaries come from them."""
    for session in work.find_all(NoteSession, work.lookups.sessions_of_notes(note_ids)):
        if not session.is_purged:
            work.forget(session)
            session.trigger(note_sessions.NoteSessionPurged, work.context.now)
    work.require(work.lookups.notes_have_no_sessions(note_ids))


def _ahead_at_end(session: NoteSession, ended_at: datetime, now: datetime) -> timedelta | None:
    """How far the client's clock is ahead as it closes a session. A start on the same clock that did not tell it is set right."""
    if session.ahead is not None:
        return session.ahead
    ahead = ahead_now(ended_at, now)
    started_at, zone = moments.split(session.started_at)
    if ahead and is_local(started_at, zone) and timedelta() <= ended_at - started_at <= DANGLING_AFTER:
        session.start(_told("started_at", started_at, None, ahead), now)
    return ahead


def _told(field: str, given: datetime, zone: str | None, ahead: timedelta | None = None) -> Told:
    try:
        known = told(given, zone, ahead)
        in_range = moments.EARLIEST <= moments.instant(known.moment) <= moments.LATEST
    except (OverflowError, ValueError):
        in_range = False
    if not in_range:
        raise Invalid({field: [OUT_OF_RANGE]})
    return known
