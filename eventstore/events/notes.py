"""Events of notes: stream note-<id>. One event per aspect, so that each change can be seen and undone alone."""

from __future__ import annotations

from eventstore.events.base import Event


class NoteCreated(Event):
    """A note was written."""

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


class NoteTextSpliced(Event):
    """A span of the text was replaced: what an autosave of a long note costs."""

    at: int
    """Where the span begins, in code points."""
    removed: int
    """Its length, in code points."""
    inserted: str

    def applied_to(self, content: str) -> str:
        """The text after this change."""
        return content[: self.at] + self.inserted + content[self.at + self.removed :]


class NoteTextReplaced(Event):
    """The whole text was replaced, because a splice would not have been smaller."""

    content: str


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
    """The course whose deletion or restoration moved the note along. Such a move is no edit of the note."""


class NotePublished(Event):
    """Everybody may read the note."""


class NoteUnpublished(Event):
    """Only its author may read the note."""


class NoteMetadataChanged(Event):
    """The text that clients keep about the note changed."""

    metadata_json: str


class NoteEditorModeChanged(Event):
    """The note is edited in another mode."""

    editor_mode: str
