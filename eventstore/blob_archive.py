"""The uploaded files beside an exported log: a folder of the same paths, with a manifest of sizes and checksums.

Files are copied after the log was exported: everything that the exported events name has been stored by then, and what is gone
again was deleted for good meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from eventstore.archive import ArchiveDamaged, ArchiveProgress, place_of
from eventstore.blobs import Blobs, is_path

MANIFEST = "manifest.jsonl"
CLAIMS = ".manifest.jsonl"
"""What an export that is not finished may have put there. No upload can have this path, see is_path."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy of the files came to."""

    files: int
    size: int
    """Bytes."""


def blob_folder(archive: Path) -> Path:
    """Where the files of an archive lie: beside the file itself, by whatever link it is named."""
    place = place_of(archive)
    return place.with_name(place.name + ".files")


def export_blobs(blobs: Blobs, folder: Path, progress: ArchiveProgress | None = None) -> Copied:
    """Copies all files. Those that lie there unchanged since an earlier export stay: a path never changes its content. Those that are
    no more are removed; what no export has put there is left alone.
    """
    # As closed to others as the log beside it.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    listed = [found for batch in blobs.list_now() for found in batch]
    before, claims = _listed_before(folder), folder / CLAIMS
    ours = _named(folder / MANIFEST) | _named(claims) | {found.path for found in listed}
    # Told before the first is copied, so that after an interruption the next export knows what this one left.
    _replace(claims, b"".join(orjson.dumps({"path": path}) + b"\n" for path in sorted(ours)))
    entries: list[dict[str, Any]] = []
    for found in listed:
        place = folder / found.path
        content = place.read_bytes() if place.is_file() else None
        if content is None or hashlib.sha256(content).hexdigest() != before.get(found.path):
            content = blobs.read_now(found.path)
            if content is None:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            _replace(place, content)
        entries.append({"path": found.path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
        if progress is not None:
            progress(len(entries), len(listed))
    _replace(folder / MANIFEST, b"".join(orjson.dumps(line) + b"\n" for line in (*entries, {"files": len(entries)})))
    _remove(folder, ours - {entry["path"] for entry in entries})
    claims.unlink()
    return Copied(len(entries), sum(entry["size"] for entry in entries))


def _listed_before(folder: Path) -> dict[str, str]:
    """Path -> checksum, as an earlier export has left them; of a list that cannot be read nothing is believed."""
    try:
        entries = [orjson.loads(line) for line in (folder / MANIFEST).read_bytes().splitlines()]
        return {entry["path"]: entry["sha256"] for entry in entries if "path" in entry}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _named(listing: Path) -> set[str]:
    """The paths that a list of an earlier export names, as far as it can be read."""
    named = set[str]()
    for line in listing.read_bytes().splitlines() if listing.is_file() else ():
        with suppress(ValueError, KeyError, TypeError):
            path = orjson.loads(line)["path"]
            if is_path(path):
                named.add(path)
    return named


def _replace(place: Path, content: bytes) -> None:
    part = _part(place)
    part.write_bytes(content)
    try:
        part.replace(place)
    except OSError as error:
        # Of the two names, that of what hinders.
        error.filename = error.filename2
        raise


def _part(place: Path) -> Path:
    """What is written first, so that an interruption leaves no half of a file under its name."""
    return place.with_name(f".{place.name}.part")


def _remove(folder: Path, gone: set[str]) -> None:
    """Files of an earlier export that are not there any more: what was deleted for good stays in no archive."""
    for path in gone:
        for place in (folder / path, _part(folder / path)):
            if place.is_file():
                place.unlink()


def check_blobs(folder: Path) -> list[str]:
    """The paths of an exported folder, after every file was compared with the manifest. Raises ArchiveDamaged."""
    return [path for path, _ in _read(folder)]


def listed_blobs(folder: Path) -> set[str]:
    """The paths of an exported folder, none of them compared."""
    return _named(folder / MANIFEST)


def import_blobs(blobs: Blobs, folder: Path, progress: ArchiveProgress | None = None) -> Copied:
    """Stores all files of an exported folder. Raises ArchiveDamaged before anything is stored."""
    paths = check_blobs(folder)
    files = size = 0
    for path, content in _read(folder):
        blobs.put_now(path, content)
        files += 1
        size += len(content)
        if progress is not None:
            progress(files, len(paths))
    return Copied(files, size)


def _read(folder: Path) -> Iterator[tuple[str, bytes]]:
    try:
        lines = (folder / MANIFEST).read_bytes().splitlines()
        entries = [orjson.loads(line) for line in lines]
        [*listed, last] = entries
        if last != {"files": len(listed)}:
            raise ArchiveDamaged("The list of files was cut off.")
        for entry in listed:
            path: str = entry["path"]
            if not is_path(path):
                raise ArchiveDamaged(f"{path!r} cannot be the path of a file.")
            content = (folder / path).read_bytes()
            if hashlib.sha256(content).hexdigest() != entry["sha256"]:
                raise ArchiveDamaged(f"The file {path} was changed.")
            yield path, content
    except FileNotFoundError as error:
        raise ArchiveDamaged(f"The file {error.filename} is missing.") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ArchiveDamaged(f"The list of files cannot be read: {error}") from None
