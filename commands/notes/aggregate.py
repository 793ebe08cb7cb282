"""A note as its decisions see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from commands.aggregate import Aggregate, evolves
from eventstore.block_lists import blocks_from, list_splice, list_spliced, texts_of
from eventstore.blocks import Block, blocks_of, content_of
from eventstore.events import Event, notes
from eventstore.snapshots import Snapshot
from eventstore.splices import Splice, spliced

SPLICE_OVERHEAD = 40
"""Bytes that a splice costs beside its text; a whole text that is shorter than that is stored whole."""
BLOCK_OVERHEAD = 100
"""Bytes that a block costs beside its text."""


class Note(Aggregate):
    """One note: whose it is, what it says, where it lies."""

    kind = "note"
    snapshot_every = 200
    snapshot_version = 3
    apart = timedelta(milliseconds=2)
    """So that a time names one state, also where clients keep only milliseconds of it."""

    # Purged notes replay to these: their creation is forgotten.
    owner_id: int = 0
    copied_at: int = 0
    copy_of: int | None = None
    copied_text: int | None = None
    copied: tuple[tuple[str, Any], ...] = ()
    """What the device holds that knows the note by its state of version `copied_at`; see NoteTouched."""
    uuid: str = ""
    title: str = ""
    description: str | None = None
    content: str = ""
    metadata_json: str = ""
    custom_meta: str = ""
    module: str = ""
    cover_path: str = ""
    course_id: int | None = None
    moved_with: int | None = None
    """The course with which it was moved to where it lies; None when it was filed there by itself."""
    is_public: bool = False
    editor_mode: str = "P"
    note_type: str = "N"
    source_note_uuid: str | None = None
    client_draft_id: str | None = None
    words: int = 0
    words_at_first: int = 0
    created_on: datetime
    edited_on: datetime
    """What clients call last_edit."""
    text_edited_on: datetime
    courses_meanwhile: tuple[int | None, ...] = ()
    """Where it lay before while its last edit was the same."""
    revision: int = 0
    """Version of the last event that changed what readers see. Snapshots of the history do not."""
    is_deleted: bool = False
    was_public: bool = False
    is_purged: bool = False
    explicit_blocks: tuple[tuple[Any, ...], ...] = ()
    blocks_hold: bool = False
    """Whether the explicit blocks are the blocks, since the text has not been written after them."""
    blocks_spliced: int = 0
    """What changes of the explicit blocks have cost since they were last stored whole, in characters."""
    spliced: int = 0
    """What the splices since the last whole text have cost, in characters."""
    splices: tuple[Splice, ...] = ()
    """Changes of the text that are not in `content` yet; only while events are being taken in."""

    @classmethod
    def project(cls, aggregate: Self | None, events: Iterable[Event | Snapshot]) -> Self | None:
        """Replays events; the splices among them are put into the text in one go."""
        note = super().project(aggregate, events)
        if note is not None:
            note.apply_splices()
        return note

    def apply_splices(self) -> None:
        """Brings the text up to date."""
        if self.splices:
            self.content, self.splices = spliced(self.content, self.splices), ()

    @property
    def shown_as(self) -> tuple[str, ...]:
        """As answers of courses, note sessions and attachments tell it."""
        return (f'"uuid":"{self.uuid}"', f'"note_id":{self.number}')

    @evolves(notes.NoteCreated)
    def _created(self, event: notes.NoteCreated) -> None:
        self.owner_id = event.owner_id
        self.uuid = event.uuid
        self.title = event.title
        self.description = event.description
        self.content = event.content
        self.metadata_json = event.metadata_json
        self.custom_meta = event.custom_meta
        self.module = event.module
        self.course_id = event.course_id
        self.is_public = event.is_public
        self.editor_mode = event.editor_mode
        self.note_type = event.note_type
        self.source_note_uuid = event.source_note_uuid
        self.client_draft_id = event.client_draft_id
        self.words = self.words_at_first = event.words or word_count(event.content)
        self.created_on = event.timestamp
        self.text_edited_on = event.timestamp
        self._edited(event)

    @evolves(notes.NoteTextSpliced)
    def _text_spliced(self, event: notes.NoteTextSpliced) -> None:
        self.splices += (event.splice,)
        self.spliced += len(event.inserted) + SPLICE_OVERHEAD
        self._text_changed(event, event.words)

    @evolves(notes.NoteTextReplaced)
    def _text_replaced(self, event: notes.NoteTextReplaced) -> None:
        self.content, self.splices = event.content, ()
        self.spliced = 0
        self._text_changed(event, event.words)

    def _text_changed(self, event: Event, words: int) -> None:
        self.words = words
        self.blocks_hold = False
        self.text_edited_on = event.timestamp
        self._edited(event)

    @evolves(notes.NoteBlocksWritten)
    def _blocks_written(self, event: notes.NoteBlocksWritten) -> None:
        blocks = list_spliced(self._explicit(), event.at, event.removed, event.inserted, event.texts)
        written = sum(len(text) for _, _, text, *_ in event.inserted) if event.texts is None else len(event.texts[2])
        self.blocks_spliced += written + SPLICE_OVERHEAD + BLOCK_OVERHEAD * len(event.inserted)
        self._blocks_changed(event, blocks)

    @evolves(notes.NoteBlocksReplaced)
    def _blocks_replaced(self, event: notes.NoteBlocksReplaced) -> None:
        self.blocks_spliced = 0
        self._blocks_changed(event, blocks_from(event.blocks))

    def _blocks_changed(self, event: Event, blocks: Sequence[Block]) -> None:
        self.explicit_blocks = tuple(tuple(block) for block in blocks)
        self.blocks_hold = True
        self._edited(event)

    @evolves(notes.NoteRenamed)
    def _renamed(self, event: notes.NoteRenamed) -> None:
        self.title = event.title
        self._edited(event)

    @evolves(notes.NoteDescribed)
    def _described(self, event: notes.NoteDescribed) -> None:
        self.description = event.description
        self._edited(event)

    @evolves(notes.NoteFiled)
    def _filed(self, event: notes.NoteFiled) -> None:
        came_from, self.course_id = self.course_id, event.course_id
        self.moved_with = event.with_course
        if event.with_course is None:
            self._edited(event)
        else:
            self.courses_meanwhile += (came_from,)
            self.revision = event.originator_version

    @evolves(notes.NotePublished)
    def _published(self, event: Event) -> None:
        self.is_public = True
        self._edited(event)

    @evolves(notes.NoteUnpublished)
    def _unpublished(self, event: Event) -> None:
        self.is_public = False
        self._edited(event)

    @evolves(notes.NoteMetadataChanged)
    def _metadata_changed(self, event: notes.NoteMetadataChanged) -> None:
        self.metadata_json = event.metadata_json
        self._edited(event)

    @evolves(notes.NoteCustomMetaChanged)
    def _custom_meta_changed(self, event: notes.NoteCustomMetaChanged) -> None:
        self.custom_meta = event.custom_meta
        self._edited(event)

    @evolves(notes.NoteEditorModeChanged)
    def _editor_mode_changed(self, event: notes.NoteEditorModeChanged) -> None:
        self.editor_mode = event.editor_mode
        self._edited(event)

    @evolves(notes.NoteCoverChanged)
    def _cover_changed(self, event: notes.NoteCoverChanged) -> None:
        self.cover_path = event.path
        self._edited(event)

    @evolves(notes.NoteModuleChanged)
    def _module_changed(self, event: notes.NoteModuleChanged) -> None:
        self.module = event.module
        self._edited(event)

    @evolves(notes.NoteTouched)
    def _touched(self, event: notes.NoteTouched) -> None:
        self._edited(event)
        if event.copied_text is not None:
            self.copied_at, self.copy_of = event.originator_version, event.copy_of
            self.copied_text, self.copied = event.copied_text, tuple((event.copied or {}).items())

    @evolves(notes.NoteDraftRecognised)
    def _draft_recognised(self, event: Event) -> None:
        self.revision = event.originator_version

    def _edited(self, event: Event) -> None:
        self.edited_on = event.timestamp
        self.courses_meanwhile = ()
        self.revision = event.originator_version

    @evolves(notes.NoteDeleted)
    def _deleted(self, event: notes.NoteDeleted) -> None:
        self.is_deleted = True
        self.was_public = event.was_public
        self.is_public = False
        self._edited(event)

    @evolves(notes.NoteRestored)
    def _restored(self, event: Event) -> None:
        self.is_deleted = False
        self._edited(event)

    @evolves(notes.NotePurged)
    def _purged(self, event: Event) -> None:
        self.is_deleted = self.is_purged = True
        self.content = self.title = self.metadata_json = self.custom_meta = ""
        self.explicit_blocks = self.splices = ()
        self.revision = event.originator_version

    @evolves(notes.NoteSourcePurged)
    def _source_purged(self, event: Event) -> None:
        self.source_note_uuid = None
        self.revision = event.originator_version

    def write(self, content: str, now: datetime) -> None:
        """Changes the text, as the smallest event that says it.

        Once the splices have cost what the text does, the whole text is stored again: reading any version then replays a
        bounded number of splices. A text that is there already is written only when the blocks say something else.
        """
        if content == self.content and not (self.blocks_hold and content_of(self._explicit(), self.title) != content):
            return
        at, removed, inserted = splice(self.content, content)
        words = self.words + _words_around(content, at, len(inserted)) - _words_around(self.content, at, removed)
        change = words - self.words
        cost = len(inserted) + SPLICE_OVERHEAD
        if cost < len(content) and self.spliced + cost <= max(len(content), len(self.content)):
            self.trigger(notes.NoteTextSpliced, now, at=at, removed=removed, inserted=inserted, words=words, words_change=change)
            self.apply_splices()
        else:
            self.trigger(notes.NoteTextReplaced, now, content=content, words=words, words_change=change)

    def blocks(self) -> tuple[Block, ...]:
        """The blocks of the text, in order."""
        explicit = self._explicit()
        return explicit if self.blocks_hold else blocks_of(self.number, self.title, self.content, explicit)

    def write_blocks(self, blocks: Sequence[Block], now: datetime) -> None:
        """Makes these the note's blocks, whatever the text says. The text is written first, since writing it ends that.

        As small and as bounded as what `write` makes: inside the blocks that differ only the span of their texts that does.
        """
        old = self._explicit()
        at, removed, inserted = list_splice(old, blocks)
        if not (removed or inserted) and self.blocks_hold:
            return
        texts = splice(texts_of(old[at : at + removed]), texts_of(inserted))
        cost = len(texts[2]) + SPLICE_OVERHEAD + BLOCK_OVERHEAD * len(inserted)
        whole = _cost(blocks)
        if cost < whole and self.blocks_spliced + cost <= max(whole, _cost(old)):
            shortened = [[block.id, block.block_type, len(block.text), *block[3:]] for block in inserted]
            self.trigger(notes.NoteBlocksWritten, now, at=at, removed=removed, inserted=shortened, texts=list(texts))
        else:
            self.trigger(notes.NoteBlocksReplaced, now, blocks=[list(block) for block in blocks])

    def _explicit(self) -> tuple[Block, ...]:
        return blocks_from(self.explicit_blocks)


def _cost(blocks: Iterable[Block]) -> int:
    """What storing all of them costs, in characters."""
    return sum(len(block.text) + BLOCK_OVERHEAD for block in blocks)


def splice(old: str, new: str) -> tuple[int, int, str]:
    """The one span that differs: (where it begins, how much of the old goes, what comes instead)."""
    limit = min(len(old), len(new))
    at = _longest(limit, lambda length, start: old[start:length] == new[start:length])
    limit -= at
    old_end, new_end = len(old), len(new)
    kept = _longest(limit, lambda length, start: old[old_end - length : old_end - start] == new[new_end - length : new_end - start])
    return at, len(old) - at - kept, new[at : len(new) - kept]


def _longest(limit: int, same: Callable[[int, int], bool]) -> int:
    """The greatest length up to the limit for which all is the same; same(length, start) compares what lies between.

    By halves, since comparing slices is far faster than looking at characters one by one.
    """
    if same(limit, 0):
        return limit
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        if same(middle, low):
            low = middle
        else:
            high = middle
    return low


def word_count(text: str) -> int:
    """Words of a text: what stands between white space."""
    return len(text.split())


def _words_around(text: str, at: int, length: int) -> int:
    """Words of the span and of what its ends are joined to, so that differences of these are differences of the whole."""
    before, span, after = text[:at], text[at : at + length], text[at + length :]
    if before and not before[-1].isspace():
        span = before.rsplit(None, 1)[-1] + span
    if after and not after[0].isspace():
        span += after.split(None, 1)[0]
    return len(span.split())
