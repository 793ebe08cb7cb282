"""Taking back what a command did to a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commands.courses.aggregate import Course
from commands.errors import Conflict
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from commands.notes.bin import put_into_bin
from commands.notes.blocks import led_back, still_standing
from commands.notes.merging import merged
from commands.undo import ASK_FIRST, LATER_FIRST, Span
from eventstore.block_lists import blocks_from
from eventstore.blocks import Block, blocks_of
from eventstore.events import Event, notes


def take_back_note(work: Work[Lookups], span: Span) -> None:
    """Leads the note back to what it was before the command, where nothing newer was written on top."""
    note = work.find(Note, span.number)
    after = work.at(Note, span.number, span.last)
    before = work.at(Note, span.number, span.first - 1)
    if after is not None and before is not None and after.owner_id != work.context.actor:
        if note is not None:
            _take_back_for_another(work, note, before, after)
        return
    if note is None or note.is_purged or after is None:
        raise Conflict(f"The note {span.number} is gone for good.")
    if before is None:
        _take_back_creation(work, note, after)
        return
    if _went_along(work, note, before, after):
        return
    if before.is_deleted != after.is_deleted:
        _take_back_bin(work, note, before, after)
    if note.is_deleted and not after.is_deleted and not before.is_deleted:
        if note.note_type == "C" and _changed(before, after) == {"is_public"}:
            # A comment that was hidden or shown along with its source: in the bin that makes no difference.
            return
        raise Conflict(f"{_named(note)} lies in the recycle bin. Restore it first.")
    # As it is called now: its title may be led back first.
    named = _named(note)
    _take_back_fields(work, note, before, after, named)
    _take_back_text(work, note, before, after, named)


def _take_back_for_another(work: Work[Lookups], note: Note, before: Note, after: Note) -> None:
    """What a command did to another's note that it was only about in passing: where its course went, or what it comments on. What its
    author has made of it since stands, and keeps nobody from taking the command back.
    """
    if note.is_purged:
        return
    untouched = note.revision == after.revision
    if untouched and before.is_public != after.is_public and note.is_public == after.is_public:
        # Hidden at that time, it may hold by now what nobody else shall read.
        _set_visibility(work, note, before.is_public)
    if before.course_id is not None and before.course_id not in (after.course_id, note.course_id) and note.moved_with == before.course_id:
        course = work.find(Course, before.course_id)
        if course is not None and not course.is_deleted:
            _file(work, note, course)


def _went_along(work: Work[Lookups], note: Note, before: Note, after: Note) -> bool:
    """Whether the command only moved the note as it deleted its course, which comes back now: it comes along if nobody has moved it
    since.
    """
    if before.course_id is None or _changed(before, after) != {"course_id"}:
        return False
    course = work.find(Course, before.course_id)
    if course is None or course.is_deleted or not course.pending:
        return False
    if note.moved_with == course.number:
        _file(work, note, course)
    return True


def _changed(before: Note, after: Note) -> set[str]:
    return {
        part
        for part in (*_PARTS, "is_public", "explicit_blocks", "course_id", "is_deleted")
        if getattr(before, part) != getattr(after, part)
    }


_PARTS = (
    "title",
    "description",
    "content",
    "metadata_json",
    "custom_meta",
    "module",
    "cover_path",
    "editor_mode",
)
"""What an author writes, but for the blocks, which may say the same in several ways."""


def _take_back_creation(work: Work[Lookups], note: Note, after: Note) -> None:
    if note.is_deleted:
        return
    written = any(getattr(note, part) != getattr(after, part) for part in _PARTS)
    written = written or _said(_blocks(note, note.title)) != _said(_blocks(after, note.title))
    # That it is private by now takes nothing away: a comment is made so when its source goes.
    if written or (note.is_public and not after.is_public):
        raise Conflict(f"{_named(note)} was changed after it had been made. {ASK_FIRST}")
    put_into_bin(work, note)


def _take_back_bin(work: Work[Lookups], note: Note, before: Note, after: Note) -> None:
    if note.is_deleted != after.is_deleted:
        # It is where it was before already.
        return
    if after.is_deleted:
        note.trigger(notes.NoteRestored, work.context.now)
        if before.is_public:
            note.trigger(notes.NotePublished, work.context.now)
    else:
        put_into_bin(work, note)


_FIELDS: tuple[tuple[str, str, type[Event]], ...] = (
    ("title", "title", notes.NoteRenamed),
    ("description", "description", notes.NoteDescribed),
    ("metadata_json", "metadata", notes.NoteMetadataChanged),
    ("custom_meta", "metadata", notes.NoteCustomMetaChanged),
    ("module", "module", notes.NoteModuleChanged),
    ("editor_mode", "editor mode", notes.NoteEditorModeChanged),
)
"""(attribute, which is also the event's field; what to call it; the event)."""


def _take_back_fields(work: Work[Lookups], note: Note, before: Note, after: Note, named: str) -> None:
    now = work.context.now
    for name, what, changed in _FIELDS:
        if _is_to_go_back(note, before, after, name, f"{named}: its {what}"):
            note.trigger(changed, now, **{name: getattr(before, name)})
    if _is_to_go_back(note, before, after, "cover_path", f"{named}: its cover"):
        # Pictures of earlier covers are kept for as long as the note is.
        note.trigger(notes.NoteCoverChanged, now, path=before.cover_path, owner_id=note.owner_id)
    if before.is_deleted == after.is_deleted and _is_to_go_back(note, before, after, "is_public", f"{named}: its visibility"):
        _set_visibility(work, note, before.is_public)
    if before.course_id is not None and _is_to_go_back(note, before, after, "course_id", f"{named}: its course"):
        course = work.find(Course, before.course_id)
        if course is None or course.is_deleted:
            advice = " Restore the course first." if course is not None and course.owner_id == note.owner_id else ""
            raise Conflict(f"{named} was in a course that is not there any more.{advice}")
        if not course.pending and work.lookups.course_for_notes(note.owner_id, course.number) != course.number:
            raise Conflict(f"{named} was in a course that is not open to you any more. Follow it first.")
        _file(work, note, course)


def _set_visibility(work: Work[Lookups], note: Note, is_public: bool) -> None:
    note.trigger(notes.NotePublished if is_public else notes.NoteUnpublished, work.context.now)


def _file(work: Work[Lookups], note: Note, course: Course) -> None:
    # With a course that comes back itself the note only goes along.
    note.trigger(notes.NoteFiled, work.context.now, course_id=course.number, with_course=course.number if course.pending else None)
    if not course.pending:
        work.require(work.lookups.course_is_there(course.number))


def _take_back_text(work: Work[Lookups], note: Note, before: Note, after: Note, named: str) -> None:
    now = work.context.now
    if _text(before) in (_text(after), _text(note)):
        return
    if any(state.blocks_hold or state.explicit_blocks for state in (before, after, note)):
        was, made, present = (_blocks(state, note.title) for state in (before, after, note))
    else:
        # All follows from the text.
        was = made = present = tuple[Block, ...]()
    untouched = note.content == after.content and _said(present) == _said(made)
    text = before.content if untouched else merged(after.content, note.content, before.content)
    if text is None:
        raise Conflict(f"{named}: the same part of the text was changed again since. {LATER_FIRST}")
    note.write(text, now)
    if was or made or present:
        blocks = was if untouched else still_standing(note, led_back(was, made, present))
        if _said(blocks) != _said(note.blocks()):
            note.write_blocks(blocks, now)


def _blocks(state: Note, title: str) -> tuple[Block, ...]:
    """The blocks that its text is under the title that the note has now."""
    explicit = blocks_from(state.explicit_blocks)
    return explicit if state.blocks_hold else blocks_of(state.number, title, state.content, explicit)


def _said(blocks: Sequence[Block]) -> list[tuple[Any, ...]]:
    """All but the times."""
    return [block[:5] for block in blocks]


def _text(note: Note) -> tuple[object, ...]:
    return note.content, note.explicit_blocks, note.blocks_hold


def _is_to_go_back(note: Note, before: Note, after: Note, name: str, what: str) -> bool:
    """Whether the command changed this attribute and the note does not have its former value again. Raises Conflict for a third one."""
    former, present = getattr(before, name), getattr(note, name)
    if former == getattr(after, name) or former == present:
        return False
    if present != getattr(after, name):
        raise Conflict(f"{what} was changed again since. {LATER_FIRST}")
    return True


def _named(note: Note) -> str:
    """As its author, who alone is told, knows it."""
    return f'The note {note.number} "{note.title}"'
