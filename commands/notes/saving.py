"""Saves that were made on an older state of a note: merged where the changes do not touch, else both texts are kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.access import is_newer
from commands.notes.aggregate import Note
from commands.notes.merging import merged
from commands.notes.metadata import copied_state
from eventstore.events import notes
from eventstore.version_ids import stream_version

Base = Note
"""The note as it was when the sender began."""


def base_of(work: Work[Lookups], note: Note, base_version: int | None, metadata_json: str | None) -> Base | None:
    """The state that a save was made on, when the sender tells and the note has moved on since."""
    version: int | None = None
    if base_version is not None:
        version = stream_version(note.number, base_version)
    elif metadata_json:
        moment = copied_state(note.number, metadata_json)
        if moment is not None and is_newer(moment, note):
            version = work.lookups.note_version_at(note.number, moment + timedelta(milliseconds=1))
    if version is None or not 0 < version < note.revision:
        return None
    return work.at(Note, note.number, version)


def save_text(note: Note, text: str, now: datetime, base: Base | None) -> bool:
    """Writes the text; tells whether it had to be reconciled with changes that its sender did not know."""
    if base is None or note.content in (base.content, text):
        note.write(text, now)
        return False
    both = merged(base.content, note.content, text)
    note.trigger(notes.NoteSnapshotTaken, now, reason="overwritten" if both is None else "before_merge")
    note.write(text, now)
    if both is not None:
        # The sent text has its own place in the log, so that nothing that was acknowledged is only in a mixture.
        note.write(both, now)
    return True
