"""Events of attachments: stream attachment-<id>. The content is in the file store, under the path."""

from __future__ import annotations

from eventstore.events.base import Event


class AttachmentUploaded(Event):
    """A file was attached to a note."""

    note_id: int
    owner_id: int
    filename: str
    size: int
    """Bytes."""
    content_type: str
    """As clients see it: declared by the uploader, or derived from name and bytes."""
    media_type: str
    """As it is served: always derived from name and bytes."""
    path: str
    sha256: str
    """Digest of the bytes, hex."""


class AttachmentDeleted(Event):
    """The file went to the recycle bin."""


class AttachmentRestored(Event):
    """The file is back from the recycle bin."""


class AttachmentPurged(Event):
    """The file is gone for good; its payloads are forgotten."""

    folder: str
    """The folder of the content, without the file's name: everything below it is removed."""
