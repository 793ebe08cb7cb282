"""Events of notes: stream note-<id>. One event per aspect, so that each change can be seen and undone alone."""

from __future__ import annotations

from typing import Any

from eventstore.events.base import Event
from eventstore.splices import Splice


class NoteCreated(Event):
    """A note was created."""

    owner_id: int
    uuid: str
    title: str
    description: str | None
    content: str
    metadata_json: str
    course_id: int | None
    is_public: bool
    editor_mode: str
    note_type: str
    source_note_uuid: str | None
    client_draft_id: str | None
    custom_meta: str = ""
    module: str = ""
    words: int = 0
    """Words of the text: the heat map counts them even after the text is forgotten."""
    offline_source_id: int | None = None
    """The owner's note that a device could not save to, of which this one is a fork."""


class NoteTextSpliced(Event):
    """A span of the text was replaced, as by an autosave of a long note."""

    at: int
    """Where the span begins, in code points."""
    removed: int
    """Its length, in code points."""
    inserted: str
    words: int = 0
    """Words of the whole text afterwards."""
    words_change: int = 0
    """How many more there are than before; negative when there are fewer."""

    @property
    def splice(self) -> Splice:
        """The change, for eventstore.splices. Raises ValueError when the payload tells none: it may be put in much later."""
        at, removed, inserted = self.at, self.removed, self.inserted
        if not (type(at) is int and type(removed) is int and type(inserted) is str and at >= 0 and removed >= 0):
            raise ValueError("at and removed have to be numbers that are not negative, inserted a text")
        return at, removed, inserted


class NoteTextReplaced(Event):
    """The whole text was stored, because a splice would not have been smaller or there were too many since the last one."""

    content: str
    words: int = 0
    words_change: int = 0


class NoteBlocksWritten(Event):
    """Blocks were written as blocks. The list of explicit blocks is spliced; the text follows in an event of its own."""

    at: int
    removed: int
    inserted: list[list[Any]]
    """Each [id, block_type, text, args, is_ai_generated, created, edited], see eventstore.blocks.Block."""
    texts: list[Any] | None = None
    """[at, removed, inserted], in code points: the span in which the texts of the blocks that come differ from those of the blocks
    that go, each joined. `inserted` then has the lengths of the texts in place of the texts."""


class NoteBlocksReplaced(Event):
    """The whole list of explicit blocks was stored, because a splice would not have been smaller or there were too many since the last."""

    blocks: list[list[Any]]
    """As in NoteBlocksWritten, with their texts."""


class NoteRenamed(Event):
    """The title changed."""

    title: str


class NoteDescribed(Event):
    """The description changed."""

    description: str | None


class NoteFiled(Event):
    """The note moved to another course."""

    course_id: int
    with_course: int | None = None
    """The course whose deletion or restoration moved the note. Such a move does not count as an edit of the note."""


class NotePublished(Event):
    """The note became public: everybody may read it."""


class NoteUnpublished(Event):
    """The note became private: only its author may read it."""


class NoteMetadataChanged(Event):
    """The text that clients keep about the note changed."""

    metadata_json: str


class NoteCustomMetaChanged(Event):
    """The metadata that the author keeps about the note changed."""

    custom_meta: str


class NoteEditorModeChanged(Event):
    """The editor mode changed."""

    editor_mode: str


class NoteModuleChanged(Event):
    """The label that groups notes inside a course changed."""

    module: str


class NoteCoverChanged(Event):
    """The cover image changed, or was removed."""

    path: str
    """Its path in the file store; empty for none."""
    owner_id: int = 0
    size: int = 0
    """Bytes of the image stored for this; 0 if a cover is removed or an earlier one comes back."""


class NoteTouched(Event):
    """The note was saved without a change, or by a device whose copy now differs from the note."""

    copy_of: int | None = None
    """The version that the device's copy has, except for its text and what is `copied`."""
    copied_text: int | None = None
    """The version whose text the copy has."""
    copied: dict[str, Any] | None = None
    """Where the copy differs from that version, since the device changed it: attribute -> value."""


class NoteDraftRecognised(Event):
    """The note was uploaded again under another draft id, and is found by that one too from here on."""

    client_draft_id: str


class NoteSnapshotTaken(Event):
    """The present state was kept as a version in the history."""

    reason: str


class NoteVersionRestored(Event):
    """An earlier version was restored by the events that follow in the same command."""

    version: int


class NoteDeleted(Event):
    """The note went to the recycle bin, and is private from here on."""

    was_public: bool


class NoteRestored(Event):
    """The note is back from the recycle bin."""


class NotePurged(Event):
    """The note is gone for good; its texts are forgotten, its numbers for the heat map are not."""

    owner_id: int
    made_at: str
    """Time of its creation, ISO 8601 in UTC."""
    words: int
    """Number of words that it was created with."""


class NoteSourcePurged(Event):
    """The note that this one comments on is gone for good."""
