"""A note as its decisions see it."""

from __future__ import annotations

from datetime import datetime
from os.path import commonprefix

from commands.aggregate import Aggregate, evolves
from eventstore.events import notes

SPLICE_OVERHEAD = 40
"""Bytes that a splice costs beside its text; a whole text that is shorter than that is stored whole."""


class Note(Aggregate):
    """One note: whose it is, what it says."""

    kind = "note"

    owner_id: int
    title: str
    description: str | None
    content: str
    metadata_json: str
    course_id: int | None
    is_public: bool
    editor_mode: str

    @evolves(notes.NoteCreated)
    def _created(self, event: notes.NoteCreated) -> None:
        self.owner_id = event.owner_id
        self.title = event.title
        self.description = event.description
        self.content = event.content
        self.metadata_json = event.metadata_json
        self.course_id = event.course_id
        self.is_public = event.is_public
        self.editor_mode = event.editor_mode

    @evolves(notes.NoteTextSpliced)
    def _text_spliced(self, event: notes.NoteTextSpliced) -> None:
        self.content = event.applied_to(self.content)

    @evolves(notes.NoteTextReplaced)
    def _text_replaced(self, event: notes.NoteTextReplaced) -> None:
        self.content = event.content

    @evolves(notes.NoteRenamed)
    def _renamed(self, event: notes.NoteRenamed) -> None:
        self.title = event.title

    def write(self, content: str, now: datetime) -> None:
        """Changes the text, as the smallest event that says it."""
        if content == self.content:
            return
        at, removed, inserted = splice(self.content, content)
        if len(inserted) + SPLICE_OVERHEAD < len(content):
            self.trigger(notes.NoteTextSpliced, now, at=at, removed=removed, inserted=inserted)
        else:
            self.trigger(notes.NoteTextReplaced, now, content=content)


def splice(old: str, new: str) -> tuple[int, int, str]:
    """The one span that differs: (where it begins, how much of the old goes, what comes instead)."""
    at = len(commonprefix((old, new)))
    limit = min(len(old), len(new)) - at
    old_tail, new_tail = old[len(old) - limit :][::-1], new[len(new) - limit :][::-1]
    kept = len(commonprefix((old_tail, new_tail))) if limit else 0
    return at, len(old) - at - kept, new[at : len(new) - kept]
