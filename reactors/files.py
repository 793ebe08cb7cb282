"""Removes files that nothing names any more: those of purged attachments at once, strays after a grace period.

Strays are what no row names, so a server that was started over another database, or an empty one, would take all uploads for
strays. Therefore log and store bear the same id, and nothing is swept in a store that is not known to be the log's.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, overload

import structlog
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventstore.blobs import MARKER, Blobs, BlobStoreUnavailable
from eventstore.codec import Recorded
from eventstore.events import attachments, notes
from eventstore.events.base import stream_number
from reactors.following import Periodic, Reactor, TryLater

GRACE = timedelta(days=1)
"""An upload is stored before the event that names it; an operator may restore a database that is a little older."""
SWEEP_EVERY = timedelta(hours=6)
FIRST_SWEEP_AFTER = timedelta(minutes=10)
"""Who started a server over the wrong database has that long to see it."""
NEARLY_ALL = 0.9
"""The share of a store's files that a log names if they are its own: others are strays of hours, or uploads in this moment."""
ADVICE = (
    "check DATABASE_URL and where uploads are kept; if these files are this database's,"
    f" write its id into the file {MARKER} of the store, see docs/operations.md"
)

_OWN_ID = "SELECT value FROM log.facts WHERE name = 'file_store'"
_GIVE_ID = "INSERT INTO log.facts (name, value) VALUES ('file_store', %s) ON CONFLICT DO NOTHING"

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
        services.blobs.clear_now(gone)
    except BlobStoreUnavailable as error:
        raise TryLater(str(error)) from error


def sweep_strays(services: FileServices) -> Iterator[None]:
    """Removes files older than the grace period that no row names, in the log's own store."""
    if not owns_store(services):
        return
    removed = 0
    for count in remove_strays(services, older_than=datetime.now(UTC) - GRACE):
        removed += count
        yield
    if removed:
        log.info("removed files that nothing named", count=removed)


def remove_strays(services: FileServices, older_than: datetime) -> Iterator[int]:
    """The same with a time of one's own, some thousand files at a time; yields how many of those were removed."""
    services.blobs.remove_halves_now(older_than=older_than)
    for batch in services.blobs.list_now():
        old = [blob.path for blob in batch if blob.modified < older_than]
        strays = _without_owner(services, old)
        services.blobs.delete_now(strays)
        yield len(strays)


def owns_store(services: FileServices) -> bool:
    """Whether the store belongs to this log. Binds them first where one bears no id yet, as after an update, and the files agree."""
    own, marked = _own_id(services), services.blobs.owner_now()
    if own is not None and own == marked:
        return True
    if (own is None or marked is None) and _is_filled_by(services, if_empty=marked is None):
        own = _own_id(services, give=own or marked or secrets.token_hex(16))
        if marked is None:
            services.blobs.mark_now(own)
        return True
    own = _own_id(services, give=own or secrets.token_hex(16))
    reason = "the store is marked as another database's" if marked else "the store is not marked, and holds files of others"
    log.warning("stray files are left", reason=reason, store=services.blobs.place, marked=marked, id=own, advice=ADVICE)
    return False


def take_over_store(services: FileServices, imported: Collection[str]) -> bool:
    """Binds the store to this log, whoever had marked it, after these files were imported with it. Not if it holds many others."""
    if not _is_filled_by(services, if_empty=True, imported=imported):
        return False
    services.blobs.mark_now(_own_id(services, give=secrets.token_hex(16)))
    return True


def _is_filled_by(services: FileServices, *, if_empty: bool, imported: Collection[str] = ()) -> bool:
    """Whether the log names nearly all files of the store. if_empty: the answer when there are none. imported: strays that came with it."""
    files = strays = 0
    for batch in services.blobs.list_now():
        files += len(batch)
        strays += len(_without_owner(services, [blob.path for blob in batch if blob.path not in imported]))
    return files - strays >= files * NEARLY_ALL if files else if_empty


@overload
def _own_id(services: FileServices) -> str | None: ...
@overload
def _own_id(services: FileServices, give: str) -> str: ...
def _own_id(services: FileServices, give: str | None = None) -> str | None:
    """The id of the log's store. give: becomes it if there is none."""
    with services.thread_pool.connection() as connection:
        if give is not None:
            connection.execute(_GIVE_ID, (give,))
        row = connection.execute(_OWN_ID).fetchone()
    return row[0] if row is not None else None


def _without_owner(services: FileServices, paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    with services.thread_pool.connection() as connection:
        kept = {path for (path,) in connection.execute(_KEPT, {"paths": list(paths)})}
    return [path for path in paths if path not in kept]


REMOVE_PURGED: Reactor[FileServices] = Reactor("purged_files", (attachments.AttachmentPurged, notes.NotePurged), remove_purged)
SWEEP_STRAYS: Periodic[FileServices] = Periodic("stray_files", SWEEP_EVERY, sweep_strays, FIRST_SWEEP_AFTER)
