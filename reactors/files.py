"""Removes files that nothing names any more: those of purged attachments at once, strays after a grace period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.blobs import Blobs, BlobStoreUnavailable
from eventstore.codec import Recorded
from eventstore.events import attachments, notes
from eventstore.events.base import stream_number
from reactors.following import Periodic, Reactor, TryLater

GRACE = timedelta(days=1)
"""An upload is stored before the event that names it; an operator may restore a database that is a little older."""
SWEEP_EVERY = timedelta(hours=6)

# Everything that keeps a file: attachments also while they lie in the recycle bin, avatars, covers and pictures of courses.
# A note shows its earlier covers as well, to whoever looks at it as it was; their folder bears the note's number.
_KEPT = """
SELECT path FROM attachments.attachments WHERE path = ANY(%(paths)s::text[])
UNION ALL SELECT image_path FROM accounts.accounts WHERE image_path = ANY(%(paths)s::text[])
UNION ALL SELECT cover_path FROM notes.notes WHERE cover_path = ANY(%(paths)s::text[])
UNION ALL SELECT cover_path FROM courses.courses WHERE cover_path = ANY(%(paths)s::text[])
UNION ALL SELECT picture->>'path' FROM courses.courses, json_array_elements(media::json) picture
WHERE media <> '[]' AND picture->>'path' = ANY(%(paths)s::text[])
UNION ALL SELECT convert_from(e.data, 'UTF8')::json->>'path' FROM log.events e
WHERE e.type = 'NoteCoverChanged' AND e.data <> '' AND e.stream IN (
    SELECT 'note-' || substring(path FROM '/notes/note_([0-9]+)/') FROM unnest(%(paths)s::text[]) path)"""

log = structlog.get_logger("notechondria.files")


class FileServices(Protocol):
    """What these reactors need."""

    blobs: Blobs

    @property
    def thread_pool(self) -> ConnectionPool[Connection[TupleRow]]:
        """Connections for threads."""


def remove_purged(recorded: Recorded, services: FileServices) -> None:
    """Removes the file of an attachment that was purged, or all that lies in the folder of a purged note, such as its covers."""
    match recorded.event:
        case attachments.AttachmentPurged(folder=folder) if folder:
            gone = folder
        case notes.NotePurged(owner_id=owner_id, originator_id=stream):
            gone = f"user_upload/user_{owner_id}/notes/note_{stream_number(stream)}"
        case _:
            return
    try:
        for batch in services.blobs.list_now(gone):
            services.blobs.delete_now([blob.path for blob in batch])
    except BlobStoreUnavailable as error:
        raise TryLater(str(error)) from error


def sweep_strays(services: FileServices) -> None:
    """Removes files older than the grace period that no row names."""
    removed = remove_strays(services, older_than=datetime.now(UTC) - GRACE)
    if removed:
        log.info("removed files that nothing named", count=removed)


def remove_strays(services: FileServices, older_than: datetime) -> int:
    """The same with a time of one's own; returns how many there were."""
    removed = 0
    for batch in services.blobs.list_now():
        old = [blob.path for blob in batch if blob.modified < older_than]
        strays = _without_owner(services, old)
        services.blobs.delete_now(strays)
        removed += len(strays)
    return removed


def _without_owner(services: FileServices, paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    with services.thread_pool.connection() as connection:
        kept = {path for (path,) in connection.execute(_KEPT, {"paths": list(paths)})}
    return [path for path in paths if path not in kept]


REMOVE_PURGED: Reactor[FileServices] = Reactor("purged_files", (attachments.AttachmentPurged, notes.NotePurged), remove_purged)
SWEEP_STRAYS: Periodic[FileServices] = Periodic("stray_files", SWEEP_EVERY, sweep_strays)
