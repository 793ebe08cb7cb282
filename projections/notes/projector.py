"""Events of notes -> rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from eventstore.block_lists import blocks_from, list_spliced
from eventstore.blocks import Block, blocks_of
from eventstore.events import Event, notes
from eventstore.events.base import stream_number
from eventstore.splices import Splice
from projections.base import Projection, Row, Table, handles, unstored
from projections.gathering import GatheringText
from projections.media import media_url, with_origin
from projections.notes.rendering import block_object, excerpt, preview_lines, served_metadata, url_name
from projections.rows import Rows
from projections.wire import fragment, zulu_time


@dataclass(slots=True)
class NoteRow(Row):
    """Everything about a note but its text."""

    id: int
    uuid: str
    owner_id: int
    course_id: int | None
    title: str
    description: str | None
    is_public: bool
    editor_mode: str
    note_type: str
    metadata_json: str
    custom_meta: str
    module: str
    source_note_uuid: str | None
    client_draft_id: str | None
    offline_source_id: int | None
    excerpt: str
    preview: str
    """Preview lines, one per line."""
    created_at: datetime
    last_edit: datetime
    deleted_at: datetime | None
    cover_path: str = ""
    further_drafts: str = ""
    """Other names under which the note was uploaded as a draft, a JSON list; empty when there are none."""
    name: str = ""
    """Of the title, for addresses; several notes of a course may share it."""
    item: str = ""
    """Members of the list item as JSON; course and author are added when it is served."""
    mark: int = 0
    text: NoteTextRow | None = unstored(None)  # noqa: RUF009 - a field
    """The note's text when it has changed, for what lists show of it."""

    def finish(self) -> None:
        """Renders the list item."""
        if self.text is not None:
            content = self.text.whole()
            self.excerpt = excerpt(content, self.description)
            self.preview = "\n".join(preview_lines(content))
            self.text = None
        self.name = url_name(self.title)
        members = fragment(
            {
                "id": self.id,
                "uuid": self.uuid,
                "title": self.title,
                "description": self.description,
                "excerpt": self.excerpt,
                "preview_lines": self.preview.split("\n") if self.preview else [],
                "editor_mode": self.editor_mode,
                "note_type": self.note_type,
                "is_public": self.is_public,
                "last_edit": zulu_time(self.last_edit),
                "date_created": zulu_time(self.created_at),
                "metadata_json": served_metadata(self.metadata_json, self.description, self.course_id, self.is_public, self.last_edit),
                "source_note_uuid": self.source_note_uuid,
                "course_id": self.course_id,
                "module": self.module,
                "version": self.mark,
                "cover_image_url": media_url(self.cover_path),
            }
        )
        self.item = with_origin(members) if self.cover_path else members


@dataclass(slots=True)
class NoteTextRow(GatheringText, Row):
    """The text of a note, and its blocks."""

    note_id: int
    title: str
    content: str
    created_at: datetime
    edited_at: datetime
    explicit: str
    """The explicit blocks as JSON (see eventstore/blocks.py), empty when there are none."""
    blocks_hold: bool
    """Whether the explicit blocks are the blocks, since the text has not been written after them."""
    blocks: str = ""
    """The blocks as clients see them, a JSON list."""
    mark: int = 0
    splices: list[Splice] | None = unstored(None)  # noqa: RUF009 - a field

    def explicit_blocks(self) -> tuple[Block, ...]:
        """The blocks that were written as blocks."""
        return blocks_from(orjson.loads(self.explicit)) if self.explicit else ()

    def edited(self, event: Event) -> None:
        """The text was written at this event; blocks that were written as blocks do not hold any more."""
        self.edited_at = event.timestamp
        self.blocks_hold = False

    def finish(self) -> None:
        """Renders the blocks."""
        self.whole()
        explicit = self.explicit_blocks()
        blocks = explicit if self.blocks_hold else blocks_of(self.note_id, self.title, self.content, explicit)
        created, edited = zulu_time(self.created_at) or "", zulu_time(self.edited_at) or ""
        self.blocks = orjson.dumps([block_object(block, created, edited) for block in blocks]).decode()


NOTES = Table(
    "notes",
    NoteRow,
    key=("id",),
    stream="note",
    ddl="""
    CREATE UNIQUE INDEX notes_uuid_unique ON {schema}.notes (uuid);
    CREATE UNIQUE INDEX notes_draft_unique ON {schema}.notes (owner_id, client_draft_id) WHERE client_draft_id IS NOT NULL;
    CREATE INDEX notes_of_further_drafts ON {schema}.notes (owner_id) WHERE further_drafts <> '';
    CREATE INDEX notes_of_owner ON {schema}.notes (owner_id, last_edit DESC, id DESC) WHERE deleted_at IS NULL;
    CREATE INDEX notes_of_course ON {schema}.notes (course_id, last_edit DESC, id DESC) WHERE deleted_at IS NULL;
    CREATE INDEX notes_public_of_course ON {schema}.notes (course_id, last_edit DESC, id DESC)
        WHERE is_public AND deleted_at IS NULL;
    -- With the owner, since everybody's notes are those of all others: counting them would fetch each row otherwise.
    CREATE INDEX notes_public ON {schema}.notes (last_edit DESC, id DESC) INCLUDE (owner_id) WHERE is_public AND deleted_at IS NULL;
    CREATE INDEX notes_public_newest ON {schema}.notes (created_at DESC, id DESC) INCLUDE (owner_id)
        WHERE is_public AND deleted_at IS NULL;
    CREATE INDEX notes_of_name ON {schema}.notes (course_id, name, id);
    CREATE INDEX notes_of_source ON {schema}.notes (source_note_uuid) WHERE source_note_uuid IS NOT NULL;
    CREATE INDEX notes_deleted ON {schema}.notes (owner_id, deleted_at DESC) WHERE deleted_at IS NOT NULL;
    """,
)
TEXTS = Table(
    "note_texts",
    NoteTextRow,
    key=("note_id",),
    stream="note",
    # A save rewrites all of a text and its blocks. Compressing them took most of the time that saving a long note takes.
    storage="ALTER content SET STORAGE external, ALTER blocks SET STORAGE external",
)


class Notes(Projection):
    """Notes by id, uuid, owner and course."""

    name = "notes"
    version = 9
    lifecycle = "inline"
    tables = (NOTES, TEXTS)
    remembers = True

    @handles(notes.NoteCreated)
    def created(self, rows: Rows, event: notes.NoteCreated) -> None:
        """A new note."""
        note_id = stream_number(event.originator_id)
        row = NoteRow(
            id=note_id,
            uuid=event.uuid,
            owner_id=event.owner_id,
            course_id=event.course_id,
            title=event.title,
            description=event.description,
            is_public=event.is_public,
            editor_mode=event.editor_mode,
            note_type=event.note_type,
            metadata_json=event.metadata_json,
            custom_meta=event.custom_meta,
            module=event.module,
            source_note_uuid=event.source_note_uuid,
            client_draft_id=event.client_draft_id,
            offline_source_id=event.offline_source_id,
            excerpt="",
            preview="",
            created_at=event.timestamp,
            last_edit=event.timestamp,
            deleted_at=None,
        )
        text = row.text = NoteTextRow(
            note_id=note_id,
            title=event.title,
            content=event.content,
            created_at=event.timestamp,
            edited_at=event.timestamp,
            explicit="",
            blocks_hold=False,
        )
        rows.add(NOTES, row, event)
        rows.add(TEXTS, text, event)

    @handles(notes.NoteTextSpliced)
    def text_spliced(self, rows: Rows, event: notes.NoteTextSpliced) -> None:
        """A span of the text changed."""
        if text := rows.due(TEXTS, stream_number(event.originator_id), event):
            text.splice(event.splice)
            self._text_changed(rows, event, text)

    @handles(notes.NoteTextReplaced)
    def text_replaced(self, rows: Rows, event: notes.NoteTextReplaced) -> None:
        """The whole text changed."""
        if text := rows.due(TEXTS, stream_number(event.originator_id), event):
            text.replace(event.content)
            self._text_changed(rows, event, text)

    @handles(notes.NoteBlocksWritten)
    def blocks_written(self, rows: Rows, event: notes.NoteBlocksWritten) -> None:
        """Blocks were written as blocks."""
        if text := rows.due(TEXTS, stream_number(event.originator_id), event):
            self._blocks_changed(
                rows, event, text, list_spliced(text.explicit_blocks(), event.at, event.removed, event.inserted, event.texts)
            )

    @handles(notes.NoteBlocksReplaced)
    def blocks_replaced(self, rows: Rows, event: notes.NoteBlocksReplaced) -> None:
        """All blocks were written as blocks."""
        if text := rows.due(TEXTS, stream_number(event.originator_id), event):
            self._blocks_changed(rows, event, text, blocks_from(event.blocks))

    def _blocks_changed(self, rows: Rows, event: Event, text: NoteTextRow, blocks: Sequence[Block]) -> None:
        text.explicit = orjson.dumps([list(block) for block in blocks]).decode() if blocks else ""
        text.blocks_hold = True
        self._touched(rows, event)

    def _text_changed(self, rows: Rows, event: Event, text: NoteTextRow) -> None:
        text.edited(event)
        if row := rows.due(NOTES, text.note_id, event):
            row.last_edit = event.timestamp
            row.text = text

    @handles(notes.NoteRenamed)
    def renamed(self, rows: Rows, event: notes.NoteRenamed) -> None:
        """Another title, which is the first block of a text without one."""
        if row := self._touched(rows, event):
            row.title = event.title
            if text := rows.due(TEXTS, row.id, event):
                text.title = event.title

    @handles(notes.NoteDescribed)
    def described(self, rows: Rows, event: notes.NoteDescribed) -> None:
        """Another description, which is the excerpt of a note without text."""
        if row := self._touched(rows, event):
            row.description = event.description
            row.text = rows.look(TEXTS, row.id)

    @handles(notes.NoteFiled)
    def filed(self, rows: Rows, event: notes.NoteFiled) -> None:
        """Another course. A note that only went along with its course was not edited."""
        if row := rows.due(NOTES, stream_number(event.originator_id), event):
            row.course_id = event.course_id
            if event.with_course is None:
                row.last_edit = event.timestamp

    @handles(notes.NotePublished)
    def published(self, rows: Rows, event: Event) -> None:
        """Readable by everybody."""
        if row := self._touched(rows, event):
            row.is_public = True

    @handles(notes.NoteUnpublished)
    def unpublished(self, rows: Rows, event: Event) -> None:
        """Readable by the author only."""
        if row := self._touched(rows, event):
            row.is_public = False

    @handles(notes.NoteMetadataChanged)
    def metadata_changed(self, rows: Rows, event: notes.NoteMetadataChanged) -> None:
        """Other metadata."""
        if row := self._touched(rows, event):
            row.metadata_json = event.metadata_json

    @handles(notes.NoteEditorModeChanged)
    def editor_mode_changed(self, rows: Rows, event: notes.NoteEditorModeChanged) -> None:
        """Another mode."""
        if row := self._touched(rows, event):
            row.editor_mode = event.editor_mode

    @handles(notes.NoteCustomMetaChanged)
    def custom_meta_changed(self, rows: Rows, event: notes.NoteCustomMetaChanged) -> None:
        """Other metadata of the author."""
        if row := self._touched(rows, event):
            row.custom_meta = event.custom_meta

    @handles(notes.NoteModuleChanged)
    def module_changed(self, rows: Rows, event: notes.NoteModuleChanged) -> None:
        """Another group inside the course."""
        if row := self._touched(rows, event):
            row.module = event.module

    @handles(notes.NoteCoverChanged)
    def cover_changed(self, rows: Rows, event: notes.NoteCoverChanged) -> None:
        """Another cover picture."""
        if row := self._touched(rows, event):
            row.cover_path = event.path

    @handles(notes.NoteTouched)
    def touched(self, rows: Rows, event: Event) -> None:
        """Saved without a change."""
        self._touched(rows, event)

    @handles(notes.NoteDraftRecognised)
    def draft_recognised(self, rows: Rows, event: notes.NoteDraftRecognised) -> None:
        """Found by one more name; not edited."""
        if row := rows.due(NOTES, stream_number(event.originator_id), event):
            names = orjson.loads(row.further_drafts) if row.further_drafts else []
            row.further_drafts = orjson.dumps([*names, event.client_draft_id]).decode()

    @handles(notes.NoteDeleted)
    def deleted(self, rows: Rows, event: Event) -> None:
        """Into the recycle bin."""
        if row := self._touched(rows, event):
            row.deleted_at = event.timestamp
            row.is_public = False

    @handles(notes.NoteRestored)
    def restored(self, rows: Rows, event: Event) -> None:
        """Back from the recycle bin."""
        if row := self._touched(rows, event):
            row.deleted_at = None

    @handles(notes.NotePurged)
    def purged(self, rows: Rows, event: Event) -> None:
        """Gone for good."""
        note_id = stream_number(event.originator_id)
        rows.remove(NOTES, note_id)
        rows.remove(TEXTS, note_id)

    @handles(notes.NoteSourcePurged)
    def source_purged(self, rows: Rows, event: Event) -> None:
        """The note that this one comments on is gone."""
        if row := rows.due(NOTES, stream_number(event.originator_id), event):
            row.source_note_uuid = None

    def _touched(self, rows: Rows, event: Event) -> NoteRow | None:
        row = rows.due(NOTES, stream_number(event.originator_id), event)
        if row is not None:
            row.last_edit = event.timestamp
        return row
