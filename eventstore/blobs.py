"""Files that people upload, in the data folder or in an S3-style store: kept beside the log, named by their paths.

A path, once given out, is a public address for ever, so it holds a part that nobody can guess. Events name paths; bytes
that no event names any more are swept up later (reactors/files.py), never the other way round.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, S3Store, from_url

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore, RetryConfig, S3Config

LONGEST_PATH = 100
"""Characters of a whole path; long file names are shortened to fit (contract: notes 12)."""
PIECE = 1024 * 1024
"""Bytes that are read and handed on at a time. The library gives an answer of the store 30 seconds, however slowly it is read."""
TOKEN_BYTES = 12
RETRIES: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=15)}
"""A store that is away is said to be away while the client still waits; by itself the library would try for three minutes."""
FALLBACK_NAME = "untitled"
FALLBACK_STEM = "file"
MARKER = ".notechondria-store"
"""Holds the id of the log that the store belongs to. No upload can have this path, see is_path."""

_PATH = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*")
_UNSAFE = re.compile(r"[^\w.-]")
_HALF = re.compile(r"#[0-9]+$")
"""How the library names what it is still writing. No upload can have such a path, see is_path."""
_NO_ROOM = re.compile(rf"Generic LocalFileSystem error: .*\(os error (?:{errno.ENOSPC}|{errno.EDQUOT})\)$", re.MULTILINE)
"""How the library tells of a full disk: by the end of a line only, its errors carry no number."""


class BlobStoreUnavailable(Exception):
    """The store cannot be reached, or refuses to write."""


class BlobMissing(Exception):
    """There is no such file, or not any more."""


class BlobStoreFull(BlobStoreUnavailable):
    """The disk of the local folder has no room left."""


@dataclass(frozen=True, slots=True)
class Blob:
    """One stored file, without its bytes."""

    path: str
    size: int
    modified: datetime
    etag: str


class Blobs:
    """The store. Methods ending in `_now` block, the others run on the event loop.

    All raise BlobStoreUnavailable when the store cannot be used.
    """

    def __init__(self, store: ObjectStore, place: str, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder
        self.place = place
        """The folder, address or bucket, for people."""

    @classmethod
    def at(cls, place: str | Path) -> Blobs:
        """The store in a folder, which is made, or at an address such as s3://bucket/prefix."""
        address = str(place)
        if "://" not in address:
            folder = Path(address).expanduser().absolute()
            try:
                new = [made for made in (folder, *folder.parents) if not made.exists()]
                folder.mkdir(parents=True, exist_ok=True)
                _hand_over(reversed(new))
            except OSError as error:
                raise BlobStoreUnavailable(f"{folder} cannot be made: {error.strerror}") from error
            return cls(LocalStore(folder, automatic_cleanup=True), str(folder), folder)
        if address == "memory://":
            return cls(MemoryStore(), address)
        try:
            return cls(from_url(address, retry_config=RETRIES), address)
        except (BaseError, ValueError) as error:
            raise BlobStoreUnavailable(str(error).splitlines()[0]) from error

    @classmethod
    def in_bucket(cls, bucket: str, endpoint: str, key_id: str, secret: str) -> Blobs:
        """The store in a bucket of an S3-style service, below media/ (contract: planner_platform 14.2)."""
        config: S3Config = {"endpoint": endpoint, "region": "auto", "access_key_id": key_id, "secret_access_key": secret}
        return cls(S3Store(bucket, prefix="media", config=config, retry_config=RETRIES), f"{bucket}/media")

    async def put(self, path: str, content: bytes | IO[bytes]) -> None:
        """Stores a file whole or not at all."""
        try:
            new = await asyncio.to_thread(self._missing, path)
            await obstore.put_async(self._store, _checked(path), content)
            await asyncio.to_thread(self._settle, path, new)
        except (BaseError, OSError) as error:
            raise _not_stored(error) from error

    def put_now(self, path: str, content: bytes | IO[bytes]) -> None:
        """Stores a file whole or not at all."""
        try:
            new = self._missing(path)
            obstore.put(self._store, _checked(path), content)
            self._settle(path, new)
        except (BaseError, OSError) as error:
            raise _not_stored(error) from error

    async def find(self, path: str) -> Blob | None:
        """What is stored there, None when nothing is or the path is not one of ours."""
        if not is_path(path):
            return None
        try:
            return _blob(await obstore.head_async(self._store, path))
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise BlobStoreUnavailable(str(error)) from error

    async def stream(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to but not including `end`, piece by piece. Raises BlobMissing."""
        for at in range(start, end, PIECE):
            try:
                piece = await obstore.get_range_async(self._store, _checked(path), start=at, end=min(at + PIECE, end))
            except (NotFoundError, FileNotFoundError) as error:
                raise BlobMissing(path) from error
            except (BaseError, OSError) as error:
                raise BlobStoreUnavailable(str(error)) from error
            yield bytes(piece)

    def read_now(self, path: str) -> bytes | None:
        """The whole file; None when there is none."""
        if not is_path(path):
            return None
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise BlobStoreUnavailable(str(error)) from error

    async def delete(self, paths: Iterable[str]) -> None:
        """Removes files; those that are gone already are no error."""
        for path in filter(is_path, paths):
            try:
                with suppress(NotFoundError, FileNotFoundError):
                    await obstore.delete_async(self._store, path)
            except (BaseError, OSError) as error:
                raise BlobStoreUnavailable(str(error)) from error

    def delete_now(self, paths: Iterable[str]) -> None:
        """Removes files; those that are gone already are no error."""
        for path in filter(is_path, paths):
            try:
                with suppress(NotFoundError, FileNotFoundError):
                    obstore.delete(self._store, path)
            except (BaseError, OSError) as error:
                raise BlobStoreUnavailable(str(error)) from error

    async def discard(self, path: str) -> None:
        """Removes a file that nothing names. Where that fails it is a stray, which is swept up later: what was decided stands."""
        with suppress(BlobStoreUnavailable):
            await self.delete([path])

    def discard_now(self, path: str) -> None:
        """The same."""
        with suppress(BlobStoreUnavailable):
            self.delete_now([path])

    def list_now(self, prefix: str = "") -> Iterator[list[Blob]]:
        """All files below a folder (`user_upload/user_8`), some thousand at a time."""
        try:
            for batch in obstore.list(self._store, prefix or None, chunk_size=1000):
                yield [_blob(found) for found in batch if found["path"] != MARKER]
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise BlobStoreUnavailable(str(error)) from error

    def clear_now(self, folder: str) -> None:
        """Removes all that lies below a folder."""
        for batch in self.list_now(folder):
            self.delete_now([blob.path for blob in batch])
        self.remove_halves_now(folder)

    def remove_halves_now(self, folder: str = "", older_than: datetime | None = None) -> None:
        """Removes what a crash has left of files that were being stored in the local folder, where no list shows it."""
        if self._folder is None:
            return
        try:
            for place, _, names in os.walk(self._folder / folder):
                for half in (Path(place, name) for name in names if _HALF.search(name)):
                    with suppress(FileNotFoundError):
                        if older_than is None or datetime.fromtimestamp(half.stat().st_mtime, UTC) < older_than:
                            half.unlink()
        except OSError as error:
            raise BlobStoreUnavailable(str(error)) from error

    def owner_now(self) -> str | None:
        """The log that the store was marked as belonging to."""
        try:
            return bytes(obstore.get(self._store, MARKER).bytes()).decode(errors="replace").strip() or None
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise BlobStoreUnavailable(str(error)) from error

    def mark_now(self, owner: str) -> None:
        """Marks the store as belonging to a log."""
        try:
            obstore.put(self._store, MARKER, f"{owner}\n".encode())
            self._settle(MARKER, ())
        except (BaseError, OSError) as error:
            raise _not_stored(error) from error

    def _missing(self, path: str) -> Sequence[Path]:
        """The folders that storing a file makes, the innermost first."""
        if self._folder is None:
            return ()
        above = (self._folder / path).parents
        return [folder for folder in above[: above.index(self._folder)] if not folder.exists()]

    def _settle(self, path: str, new: Sequence[Path]) -> None:
        """Forces a file of the local folder to disk, with its name and those of folders that were made for it: the event that names
        it is about to be forced there as well.
        """
        if self._folder is None:
            return
        target = self._folder / path
        _hand_over((*reversed(new), target))
        _force(target)
        for folder in dict.fromkeys((target.parent, *(made.parent for made in new))):
            _force(folder, os.O_DIRECTORY)


def _force(name: Path, flags: int = 0) -> None:
    with _opened(name, flags) as handle:
        os.fsync(handle)


def _hand_over(made: Iterable[Path]) -> None:
    """What root makes in a folder of somebody else becomes theirs: root runs commands beside a server that runs as another user."""
    if os.geteuid() != 0:
        return
    for name in made:
        with _opened(name.parent, os.O_DIRECTORY) as folder:
            owner = os.fstat(folder)
            if owner.st_uid == 0:
                continue
            # Whoever owns the folder may have put something else under the name meanwhile.
            with _opened(name.name, os.O_NOFOLLOW | os.O_NONBLOCK, within=folder) as handle:
                found = os.fstat(handle)
                if found.st_uid == 0 and (stat.S_ISDIR(found.st_mode) or found.st_nlink == 1):
                    # Where root may not do so, in some containers, the file is stored all the same.
                    with suppress(OSError):
                        os.fchown(handle, owner.st_uid, owner.st_gid)


@contextmanager
def _opened(name: str | Path, flags: int, within: int | None = None) -> Iterator[int]:
    handle = os.open(name, os.O_RDONLY | flags, dir_fd=within)
    try:
        yield handle
    finally:
        os.close(handle)


def _not_stored(error: BaseError | OSError) -> BlobStoreUnavailable:
    full = isinstance(error, BaseError) and _NO_ROOM.match(str(error))
    return BlobStoreFull(str(error)) if full else BlobStoreUnavailable(str(error))


def is_path(path: str) -> bool:
    """Whether this can be the path of a stored file at all: no empty or hidden parts, no way out of the store."""
    return len(path) <= LONGEST_PATH and _PATH.fullmatch(path) is not None


def new_path(folder: str, filename: str) -> str:
    """A path below the folder that nobody can guess and nobody has yet; it ends in the file's name, made safe."""
    room = LONGEST_PATH - len(folder) - 2 - len(token := secrets.token_urlsafe(TOKEN_BYTES))
    return f"{folder}/{token}/{_shortened(safe_name(filename), room)}"


def safe_name(filename: str) -> str:
    """Letters, digits, `_`, `-` and `.` of the name; spaces become `_` (contract: notes 12). An extension stays one."""
    given = unicodedata.normalize("NFC", filename.strip()).replace(" ", "_")
    name = _UNSAFE.sub("", given)
    shown = name.lstrip(".")
    if shown and shown != name and not given.startswith("."):
        return f"{FALLBACK_STEM}.{shown}"
    return shown or FALLBACK_NAME


def _shortened(name: str, room: int) -> str:
    if len(name) <= room:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > min(12, room - 2):
        return name[:room]
    return f"{stem[: room - len(extension) - 1]}.{extension}"


def _checked(path: str) -> str:
    if not is_path(path):
        raise ValueError(f"{path!r} is not a path of the store")
    return path


def _blob(found: ObjectMeta) -> Blob:
    return Blob(found["path"], found["size"], found["last_modified"], (found["e_tag"] or "").strip('"'))
