"""Snapshots of a note's history, and going back to any version (contract: notes 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from commands.errors import NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.access import own_note, require_state
from commands.notes.aggregate import Note
from eventstore.events import notes
from eventstore.version_ids import stream_version

LONGEST_REASON = 32


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A new place in the history, and what it holds."""

    note_id: int
    version: int
    reason: str
    at: datetime
    title: str
    description: str | None
    content: str
    metadata_json: str
    editor_mode: str


def take_snapshot(work: Work[Lookups], account_id: int, note_id: int, reason: str) -> Snapshot:
    """Gives the present state a place in the history."""
    note = own_note(work, account_id, note_id, "snapshot this note")
    require_state(work, note)
    event = note.trigger(notes.NoteSnapshotTaken, work.context.now, reason=reason[:LONGEST_REASON])
    return Snapshot(
        note_id=note_id,
        version=event.originator_version,
        reason=event.reason,
        at=event.timestamp,
        title=note.title,
        description=note.description,
        content=note.content,
        metadata_json=note.metadata_json,
        editor_mode=note.editor_mode,
    )


def restore_version(work: Work[Lookups], account_id: int, note_id: int, version_id: int, *, kept_as: str = "before_restore") -> None:
    """Brings title, description, text, metadata and mode of a version back; the state before gets a place in the history.

    kept_as: the reason of that place.
    """
    note = own_note(work, account_id, note_id, "restore this note")
    require_state(work, note)
    version = stream_version(note_id, version_id)
    past = work.at(Note, note_id, version) if version is not None and version <= note.version else None
    if past is None or version is None:
        raise NotFound("NoteVersion")
    now = work.context.now
    note.trigger(notes.NoteSnapshotTaken, now, reason=kept_as)
    note.trigger(notes.NoteVersionRestored, now, version=version)
    bring_back(work, note, past)
    note.trigger(notes.NoteTouched, now)


def bring_back(work: Work[Lookups], note: Note, past: Note) -> None:
    """What a version holds, with one event for each part that differs."""
    now = work.context.now
    if past.title != note.title:
        note.trigger(notes.NoteRenamed, now, title=past.title)
    if past.description != note.description:
        note.trigger(notes.NoteDescribed, now, description=past.description)
    if past.metadata_json != note.metadata_json:
        note.trigger(notes.NoteMetadataChanged, now, metadata_json=past.metadata_json)
    if past.editor_mode != note.editor_mode:
        note.trigger(notes.NoteEditorModeChanged, now, editor_mode=past.editor_mode)
    note.write(past.content, now)
