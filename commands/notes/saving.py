"""Saves that were made on an older state of a note: merged where the changes do not touch, else both texts are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.access import is_newer
from commands.notes.aggregate import Note, splice
from commands.notes.merging import merged
from commands.notes.metadata import copied_state
from eventstore.events import notes
from eventstore.version_ids import stream_version


@dataclass(frozen=True, slots=True)
class Base:
    """What the sender had before it, as it began."""

    state: Note
    text: Note
    """The state whose text it had."""
    shown: Note
    """The state by whose time it knows the note. It differs from `state` after a merge, of which a device takes over the time alone."""
    is_copy: bool
    """Whether the sender is a device with a copy, which it goes on sending."""

    def has(self, name: str, value: object) -> bool:
        """Whether the sender left this attribute as it was."""
        had = (getattr(self.state, name), getattr(self.shown, name))
        # Clients get an empty text where there is none.
        return value in had or (not value and None in had) or (value is None and "" in had)


def base_of(work: Work[Lookups], note: Note, base_version: int | None, metadata_json: str | None, text: str | None) -> Base | None:
    """What a save was made on, when the sender tells and that is not the note as it is now. text: what it sends, if any."""
    if base_version is not None:
        version = stream_version(note.number, base_version)
        if version is None or not 0 < version < note.revision:
            return None
        state = work.at(Note, note.number, version)
        return None if state is None else Base(state, state, state, is_copy=False)
    moment = copied_state(note.number, metadata_json) if metadata_json else None
    return _copied(work, note, moment, text) if moment is not None else None


def _copied(work: Work[Lookups], note: Note, moment: datetime, sent: str | None) -> Base | None:
    newer = is_newer(moment, note)
    version = work.lookups.note_version_at(note.number, moment + timedelta(milliseconds=1)) if newer else note.version
    shown = work.at(Note, note.number, version) if newer else note.copy()
    if shown is None or (newer and not 0 < version < note.revision):
        return None
    if shown.copied_at and shown.copied_at == shown.revision and shown.copy_of and shown.copied_text:
        state, text = (work.at(Note, note.number, known) for known in (shown.copy_of, shown.copied_text))
        if state is not None and text is not None and _comes_from(text.content, shown.content, sent):
            return Base(state, text, shown, is_copy=True)
    return Base(shown, shown, shown, is_copy=True) if newer else None


def _comes_from(copy: str, shown: str, sent: str | None) -> bool:
    """Whether a text was made of the copy, and not of what the note shows: an editor that has read the note tells the same time."""
    if sent is None:
        return False
    return sent == copy or _difference(copy, sent) < _difference(shown, sent)


def _difference(old: str, new: str) -> int:
    _, removed, inserted = splice(old, new)
    return removed + len(inserted)


def save_text(note: Note, text: str, now: datetime, base: Base | None) -> tuple[bool, int]:
    """(whether the text had to be reconciled with changes that its sender did not know, the version whose text was sent)."""
    if base is None:
        note.write(text, now)
        return False, note.version
    if text == base.text.content:
        return note.content != text, base.text.version
    if note.content in (base.text.content, text):
        note.write(text, now)
        return False, note.version
    both = merged(base.text.content, note.content, text)
    note.trigger(notes.NoteSnapshotTaken, now, reason="overwritten" if both is None else "before_merge")
    note.write(text, now)
    sent = note.version
    if both is not None:
        # The sent text has its own place in the log, so that nothing that was acknowledged is only in a mixture.
        note.write(both, now)
    return True, sent


def note_the_copy(note: Note, base: Base, sent: int, now: datetime) -> None:
    """Notes what the device holds from now on, since it takes over nothing of the answer but the time."""
    known = (base.state.version, sent)
    if note.pending or note.copied_at != note.revision or (note.copy_of, note.copied_text) != known:
        note.trigger(notes.NoteTouched, now, copy_of=base.state.version, copied_text=sent)
