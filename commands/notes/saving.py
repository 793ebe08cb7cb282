"""Saves that were made on an older state of a note: merged, and where the changes touch both texts are kept.

A sender tells what it had by a version, or, as devices with copies do, by the time of the state that it knows. A device takes
over nothing of an answer but that time, while readers take over everything. So the answer of a save after which the two differ
tells a time of its own, under which NoteTouched notes what the device holds; another one, a moment later, gives readers theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from commands.notes.merging import merge
from commands.notes.metadata import copied_state, is_same_metadata
from eventstore.events import notes
from eventstore.version_ids import stream_version

HELD = ("title", "description", "metadata_json", "custom_meta", "module", "editor_mode", "is_public", "course_id")
"""What a device holds of a note beside the text."""
REST_OF_MILLISECOND = timedelta(microseconds=999)


@dataclass(frozen=True, slots=True)
class Base:
    """What the sender had before it, as it began."""

    state: Note
    """Of the version of this state it had everything but the text and what it had changed itself."""
    text: Note
    """The state whose text it had."""
    copied: tuple[tuple[str, Any], ...] = ()
    """What a device had changed itself: attribute -> value."""
    known_by: datetime | None = None
    """The time under which a device with a copy, which it goes on sending, knows what it had."""

    def value(self, name: str) -> Any:
        """What it had of this attribute."""
        return dict(self.copied).get(name, getattr(self.state, name))

    def has(self, name: str, value: object) -> bool:
        """Whether the sender left this attribute as it was."""
        return _is_same(name, value, self.value(name))


def base_of(work: Work[Lookups], note: Note, base_version: int | None, metadata_json: str | None) -> Base | None:
    """What a save was made on, when the sender tells and that is not the note as it is now."""
    if base_version is not None:
        version = stream_version(note.number, base_version)
        if version is None or not 0 < version < note.revision:
            return None
        state = work.at(Note, note.number, version)
        return None if state is None else Base(state, state)
    moment = copied_state(note.number, metadata_json) if metadata_json else None
    return _copied(work, note, moment) if moment is not None else None


def _copied(work: Work[Lookups], note: Note, moment: datetime) -> Base | None:
    if not moment.microsecond % 1000:
        # Some clients keep only milliseconds.
        moment += REST_OF_MILLISECOND
    if moment >= note.edited_on:
        begun = note.copy()
        return Base(begun, begun, known_by=note.edited_on) if note.courses_meanwhile else None
    version = work.lookups.note_version_at(note.number, moment)
    known = work.at(Note, note.number, version) if 0 < version < note.revision else None
    if known is None:
        return None
    if known.copied_at != version or known.copy_of is None or known.copied_text is None:
        return Base(known, known, known_by=known.edited_on)
    state, text = (work.at(Note, note.number, had) for had in (known.copy_of, known.copied_text))
    return None if state is None or text is None else Base(state, text, known.copied, known.edited_on)


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
    both = merge(base.text.content, note.content, text)
    note.trigger(notes.NoteSnapshotTaken, now, reason="overwritten" if both.overwrites else "before_merge")
    note.write(text, now)
    sent = note.version
    # The sent text has its own place in the log, so that nothing that was acknowledged is only in a mixture.
    note.write(both.text, now)
    return True, sent


def note_the_copy(note: Note, base: Base, held: Mapping[str, Any], text: str, text_version: int, now: datetime) -> datetime | None:
    """Notes what the device holds from now on. The time under which it knows that; None where the note's own last edit tells it.

    held: what it sent beside the text, by attribute; text: what it sent, or had; text_version: where that stands.
    """
    copied = {**dict(base.copied), **{name: value for name, value in held.items() if not _is_same(name, value, base.value(name))}}
    if not note.pending and (tuple(copied.items()), text_version) == (base.copied, base.text.version):
        return base.known_by
    values = {name: copied.get(name, getattr(base.state, name)) for name in HELD}
    if text == note.content and all(_is_same(name, value, getattr(note, name)) for name, value in values.items()):
        return None
    note.trigger(notes.NoteTouched, now, copy_of=base.state.version, copied_text=text_version, copied=copied or None)
    known_by = note.edited_on
    note.trigger(notes.NoteTouched, known_by + note.apart)
    return known_by


def _is_same(name: str, value: Any, other: Any) -> bool:
    # Clients get an empty text where there is none.
    return is_same_metadata(value, other) if name == "metadata_json" else (value or "") == (other or "")
