"""Creating and changing notes (contract: notes 5, clients 6.3, 6.4, 7.3 and 7.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from commands.courses.inbox import inbox_of
from commands.errors import Invalid
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.access import own_note, require_state
from commands.notes.aggregate import Note, word_count
from commands.notes.blocks import GivenBlock, arranged, write_blocks_beside, write_given_blocks
from commands.notes.lookups import Incoming, NewNote
from commands.notes.metadata import adds_nothing, is_same_metadata, merged_metadata, offline_source
from commands.notes.saving import HELD, Base, base_of, note_the_copy, save_text
from eventstore.blocks import content_of
from eventstore.events import notes
from eventstore.identifiers import unique_uuid

TWIN_WINDOW = timedelta(minutes=10)
"""An identical draft under another name counts as the same upload for so long."""
EDITOR_MODES = ("G", "B", "P")
UNTITLED = "Untitled"
BLANK = "This field may not be blank."


class NoteFields(BaseModel):
    """What clients send of a note. Fields that are not set were not sent."""

    model_config = ConfigDict(frozen=True)

    title: str = ""
    description: str | None = ""
    content: str = ""
    markdown: str = ""
    """The older name of content."""
    metadata_json: str = ""
    custom_meta: str = ""
    module: str = ""
    is_public: bool = False
    course_id: int | None = None
    editor_mode: str | None = None
    blocks: tuple[GivenBlock, ...] | None = None

    @property
    def text(self) -> str:
        """The text that was sent under either name."""
        return self.content or self.markdown


class CreateNote(NoteFields):
    """A new note, or a draft that may have been sent before."""

    note_type: str = "N"
    source_note_uuid: str | None = None
    client_draft_id: str | None = None


class ChangeNote(NoteFields):
    """What to change of a note; fields that are not set stay."""

    base_version: int | None = None
    """The version that the change was made on, for merging."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of it. outcome: created, updated, unchanged, restored (from the recycle bin) or merged."""

    note_id: int
    outcome: str
    last_edit: datetime | None = None
    """Under which time the sender knows what it has; None for the note's own."""


def incoming_note(command: CreateNote, now: datetime) -> Incoming:
    """What has to be looked up for it. Only a draft may come without a title."""
    return Incoming(
        course_id=command.course_id,
        client_draft_id=command.client_draft_id or None,
        title=command.title.strip() or UNTITLED,
        content=command.text,
        note_type=command.note_type,
        # What blocks say is not compared.
        may_have_twin=not command.blocks,
        source_note_uuid=command.source_note_uuid,
        offline_source_id=offline_source(command.metadata_json),
        since=now - TWIN_WINDOW,
    )


def create_note(work: Work[Lookups], account_id: int, command: CreateNote, met: NewNote | None = None) -> Saved:
    """Makes a note. A draft that was sent before becomes the next version of its note instead.

    met: what `incoming_note` meets, if that was looked up a moment ago.
    """
    if not command.title.strip() and not command.client_draft_id:
        raise Invalid({"title": [BLANK]})
    incoming = incoming_note(command, work.context.now)
    title = incoming.title
    if met is None:
        met = NewNote(*work.lookups.for_new_note(account_id, incoming))
    known = work.find(Note, met.draft_note_id) if met.draft_note_id is not None else None
    if known is not None and not known.is_purged:
        if known.client_draft_id != command.client_draft_id and _stands_for(known, met, title, command):
            # A twin that comes once more: what it left empty was not to be emptied before, and is not now.
            work.require(work.lookups.note_is_there(known.number))
            return Saved(known.number, "unchanged")
        return _upload_again(work, known, met, title, command)
    for note_id in met.twin_note_ids:
        twin = work.find(Note, note_id)
        if twin is not None and _stands_for(twin, met, title, command):
            twin.trigger(notes.NoteDraftRecognised, work.context.now, client_draft_id=incoming.client_draft_id)
            work.require(work.lookups.drafts_take_turns(account_id, incoming))
            work.require(work.lookups.draft_is_no_others(account_id, twin.number, incoming))
            return Saved(twin.number, "unchanged")
    return _create(work, account_id, met, incoming, command)


def _stands_for(note: Note, met: NewNote, title: str, command: CreateNote) -> bool:
    """Whether the note says all that the draft does, so that nothing is lost with it. What the draft leaves empty it does not say."""
    said = {
        "description": command.description,
        "custom_meta": command.custom_meta,
        "module": command.module,
        "is_public": command.is_public,
        "editor_mode": known_mode(command.editor_mode, note.editor_mode),
    }
    return (
        not note.is_deleted
        and not command.blocks
        and (note.title, note.content, note.course_id) == (title, command.text, met.course_id)
        and all(not value or value == getattr(note, name) for name, value in said.items())
        and adds_nothing(command.metadata_json, note.metadata_json)
    )


def _create(work: Work[Lookups], account_id: int, met: NewNote, incoming: Incoming, command: CreateNote) -> Saved:
    now, title = work.context.now, incoming.title
    course_id = met.course_id if met.course_id is not None else inbox_of(work, account_id)
    note = work.new(Note, met.note_id)
    blocks = arranged(note.number, (), command.blocks or (), 1, now)
    content = command.text or (content_of(blocks, title) if blocks else "")
    note.trigger(
        notes.NoteCreated,
        now,
        owner_id=account_id,
        uuid=unique_uuid(),
        title=title,
        description=command.description or "",
        content=content,
        metadata_json=command.metadata_json,
        course_id=course_id,
        is_public=command.is_public,
        editor_mode=known_mode(command.editor_mode, met.editor_mode),
        note_type=command.note_type,
        source_note_uuid=met.source_note_uuid,
        client_draft_id=command.client_draft_id or None,
        custom_meta=command.custom_meta,
        module=command.module,
        words=word_count(content),
        offline_source_id=met.offline_source_id,
    )
    if blocks:
        note.write_blocks(blocks, now)
    if met.course_id is not None and met.course_id == command.course_id:
        # The Inbox, where a note goes that names no course, is never deleted.
        work.require(work.lookups.course_is_there(met.course_id))
    if met.source_note_uuid is not None:
        work.require(work.lookups.source_is_there(met.source_note_uuid))
    if incoming.client_draft_id is not None:
        # Last, since others wait for this: of uploads that come at the same moment, each sees what those before have made.
        work.require(work.lookups.drafts_take_turns(account_id, incoming))
        filed = (course_id, met.source_note_uuid)
        work.require(work.lookups.draft_is_new(account_id, note.number, incoming, filed, met.twin_note_ids))
    return Saved(note.number, "created")


def _upload_again(work: Work[Lookups], note: Note, met: NewNote, title: str, command: CreateNote) -> Saved:
    """The draft's note takes everything over, as if fields that were not sent were empty; what it overwrites is kept as a version."""
    now = work.context.now
    outcome = "updated"
    before = note.version
    if note.is_deleted:
        note.trigger(notes.NoteRestored, now)
        outcome = "restored"
    text = command.text
    if command.blocks and not text:
        text = content_of(arranged(note.number, note.blocks(), command.blocks, note.version, now), title)
    if text != note.content or title != note.title:
        note.trigger(notes.NoteSnapshotTaken, now, reason="before_upload")
    changes = ChangeNote(
        title=title,
        description=command.description or "",
        metadata_json=command.metadata_json,
        is_public=command.is_public,
        editor_mode=known_mode(command.editor_mode, met.editor_mode),
        **command.model_dump(include=command.model_fields_set & {"custom_meta", "module"}),
    )
    _change_fields(note, changes, now, None)
    if met.course_id is not None and met.course_id != note.course_id:
        note.trigger(notes.NoteFiled, now, course_id=met.course_id)
        work.require(work.lookups.course_is_there(met.course_id))
    if command.blocks:
        write_blocks_beside(note, text, command.blocks, now)
    else:
        note.write(text, now)
    if note.version == before:
        note.trigger(notes.NoteTouched, now)
        outcome = "unchanged"
    return Saved(note.number, outcome)


def change_note(work: Work[Lookups], account_id: int, note_id: int, command: ChangeNote) -> Saved:
    """Changes what is set. A change that was made on an older state is merged; nothing that was saved is lost."""
    note = own_note(work, account_id, note_id, "update this note")
    require_state(work, note)
    given = command.model_fields_set
    if "title" in given and not command.title.strip():
        raise Invalid({"title": [BLANK]})
    now = work.context.now
    before = note.version
    text = command.text if command.blocks is None and ("content" in given or command.text) else None
    base = base_of(work, note, command.base_version, command.metadata_json if "metadata_json" in given else None)
    _change_fields(note, command, now, base)
    if "course_id" in given:
        _change_course(work, account_id, note, command.course_id, base)
    merged, sent = False, base.text.version if base else 0
    if command.blocks is not None:
        if base is not None and note.content != base.text.content:
            note.trigger(notes.NoteSnapshotTaken, now, reason="overwritten")
        write_given_blocks(note, command.blocks, now)
        text, sent = note.content, note.version
    elif text is not None:
        merged, sent = save_text(note, text, now, base)
    last_edit = None
    if base is not None and base.known_by is not None:
        last_edit = note_the_copy(note, base, _held(note, command), base.text.content if text is None else text, sent, now)
    elif note.version == before:
        note.trigger(notes.NoteTouched, now)
    return Saved(note.number, "merged" if merged else "updated", last_edit)


def _held(note: Note, command: ChangeNote) -> dict[str, Any]:
    """What the sender has beside the text, as attributes of the note."""
    held = command.model_dump(include=command.model_fields_set & set(HELD))
    if "title" in held:
        held["title"] = command.title.strip()
    if "editor_mode" in held:
        held["editor_mode"] = known_mode(command.editor_mode, note.editor_mode)
    return held


def _change_course(work: Work[Lookups], account_id: int, note: Note, sent: int | None, base: Base | None) -> None:
    if sent == note.course_id or (base and base.has("course_id", sent)):
        return
    course_id = work.lookups.course_for_notes(account_id, sent)
    # What is no course of the sender's is the Inbox, where the note may have been.
    known = (base.value("course_id"), *base.state.courses_meanwhile) if base else ()
    if course_id is not None and course_id != note.course_id and course_id not in known:
        note.trigger(notes.NoteFiled, work.context.now, course_id=course_id)
        work.require(work.lookups.course_is_there(course_id))


def _change_fields(note: Note, command: ChangeNote, now: Any, base: Base | None) -> None:
    """One event per field that differs. A field that the sender left as it was in its base does not undo a newer change."""
    given = command.model_fields_set

    def changes(name: str, value: Any) -> bool:
        return name in given and value != getattr(note, name) and not (base and base.has(name, value))

    title, description = command.title.strip(), command.description
    if changes("title", title):
        note.trigger(notes.NoteRenamed, now, title=title)
    if changes("description", description):
        note.trigger(notes.NoteDescribed, now, description=description)
    if "metadata_json" in given:
        _change_metadata(note, command.metadata_json, now, base)
    if changes("custom_meta", command.custom_meta):
        note.trigger(notes.NoteCustomMetaChanged, now, custom_meta=command.custom_meta)
    if changes("module", command.module):
        note.trigger(notes.NoteModuleChanged, now, module=command.module)
    mode = known_mode(command.editor_mode, note.editor_mode)
    if changes("editor_mode", mode):
        note.trigger(notes.NoteEditorModeChanged, now, editor_mode=mode)
    if changes("is_public", command.is_public):
        note.trigger(notes.NotePublished if command.is_public else notes.NoteUnpublished, now)


def _change_metadata(note: Note, sent: str, now: datetime, base: Base | None) -> None:
    if base is not None:
        sent = merged_metadata(sent, base.value("metadata_json"), note.metadata_json)
    if not is_same_metadata(sent, note.metadata_json):
        note.trigger(notes.NoteMetadataChanged, now, metadata_json=sent)


def known_mode(sent: str | None, otherwise: str) -> str:
    """A mode that we have; one that we do not know is plain text, and never a reason to refuse a save."""
    if sent is None:
        return otherwise
    return sent if sent in EDITOR_MODES else "P"
