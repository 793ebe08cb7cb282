"""Events of attachments -> rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from eventstore.events import Event, attachments, notes
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.media import media_url, with_origin
from projections.rows import Rows


@dataclass(slots=True)
class AttachmentRow(Row):
    """One attachment."""

    id: int
    note_id: int
    owner_id: int
    filename: str
    size: int
    content_type: str
    media_type: str
    path: str
    sha256: str
    created_at: datetime
    deleted_at: datetime | None
    item: str = ""
    """The attachment object as JSON."""
    mark: int = 0

    def finish(self) -> None:
        """Renders the item."""
        self.item = with_origin(
            orjson.dumps(
                {
                    "id": self.id,
                    "note_id": self.note_id,
                    "original_filename": self.filename,
                    "file_size": self.size,
                    "content_type": self.content_type,
                    "url": media_url(self.path),
                    "sha256": self.sha256,
                    "date_created": self.created_at.astimezone(UTC).isoformat(),
                }
            ).decode()
        )


ATTACHMENTS = Table(
    "attachments",
    AttachmentRow,
    key=("id",),
    stream="attachment",
    ddl="""
    CREATE UNIQUE INDEX attachments_path_unique ON {schema}.attachments (path);
    CREATE INDEX attachments_of_note ON {schema}.attachments (note_id, id DESC);
    CREATE INDEX attachments_of_owner ON {schema}.attachments (owner_id) INCLUDE (size);
    CREATE INDEX attachments_deleted ON {schema}.attachments (owner_id, deleted_at DESC) WHERE deleted_at IS NOT NULL;
    """,
)


@dataclass(slots=True)
class CoversRow(Row):
    """The covers that a note has had: their pictures are kept for as long as the note is."""

    note_id: int
    owner_id: int
    size: int
    """Bytes of all of them."""
    paths: str
    """Where they lie, as a JSON list."""
    mark: int = 0


COVERS = Table(
    "covers",
    CoversRow,
    key=("note_id",),
    stream="note",
    ddl="CREATE INDEX covers_of_owner ON {schema}.covers (owner_id) INCLUDE (size);",
)


class Attachments(Projection):
    """Attachments by id, note and path, and what the covers of notes take up beside them."""

    name = "attachments"
    version = 3
    lifecycle = "inline"
    tables = (ATTACHMENTS, COVERS)

    @handles(attachments.AttachmentUploaded)
    def uploaded(self, rows: Rows, event: attachments.AttachmentUploaded) -> None:
        """A new file."""
        row = AttachmentRow(
            id=stream_number(event.originator_id),
            note_id=event.note_id,
            owner_id=event.owner_id,
            filename=event.filename,
            size=event.size,
            content_type=event.content_type,
            media_type=event.media_type,
            path=event.path,
            sha256=event.sha256,
            created_at=event.timestamp,
            deleted_at=None,
        )
        rows.add(ATTACHMENTS, row, event)

    @handles(attachments.AttachmentDeleted)
    def deleted(self, rows: Rows, event: Event) -> None:
        """In the recycle bin."""
        if row := rows.due(ATTACHMENTS, stream_number(event.originator_id), event):
            row.deleted_at = event.timestamp

    @handles(attachments.AttachmentRestored)
    def restored(self, rows: Rows, event: Event) -> None:
        """Back again."""
        if row := rows.due(ATTACHMENTS, stream_number(event.originator_id), event):
            row.deleted_at = None

    @handles(attachments.AttachmentPurged)
    def purged(self, rows: Rows, event: Event) -> None:
        """Gone for good."""
        if rows.due(ATTACHMENTS, stream_number(event.originator_id), event):
            rows.remove(ATTACHMENTS, stream_number(event.originator_id))

    @handles(notes.NoteCoverChanged)
    def cover_changed(self, rows: Rows, event: notes.NoteCoverChanged) -> None:
        """One picture more, when it is new."""
        if not event.path:
            return
        note_id, paths = stream_number(event.originator_id), [event.path]
        row = CoversRow(note_id=note_id, owner_id=event.owner_id, size=event.size, paths=orjson.dumps(paths).decode())
        if rows.add(COVERS, row, event) is None and (known := rows.due(COVERS, note_id, event)):
            # The oldest events do not say whose note it is.
            known.owner_id = event.owner_id
            known.size += event.size
            paths = orjson.loads(known.paths)
            if event.path not in paths:
                known.paths = orjson.dumps([*paths, event.path]).decode()

    @handles(notes.NotePurged)
    def note_purged(self, rows: Rows, event: Event) -> None:
        """All pictures go with their note."""
        rows.remove(COVERS, stream_number(event.originator_id))
