"""The whole log as a file of JSON lines: a header, one line per event, and a last line with the checksum of all others.

An export is consistent although the service goes on: it ends at a position up to which every transaction has ended. An
import goes into an empty log only, is checked to the end before anything is written, and is one transaction.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

import orjson
import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from eventstore.codec import UnknownEventType, decode
from eventstore.database import sync_pool
from eventstore.reader import LogReader, LogRow

FORMAT = 1
BATCH = 2000
SETTLING_S = 0.05

ArchiveProgress = Callable[[int, int], None]
"""Told (done, of how many). May raise to cancel: nothing has happened then."""


class ArchiveDamaged(Exception):
    """The file was cut off or changed, or is no archive of this product."""


class NotExportable(Exception):
    """The log holds an event that no archive can take; the message names it."""


class NoPlace(Exception):
    """Nothing can be exported to the path: something else than a file is there, or another export writes it. The message tells."""


class NotEmpty(Exception):
    """The log to import into holds events already."""


@dataclass(frozen=True, slots=True)
class Archived:
    """What an export or import came to."""

    events: int
    head: int
    """The last position that the archive covers."""
    sha256: str


@contextmanager
def reserved(path: Path) -> Iterator[None]:
    """Keeps all other exports from the place, for as long as log and files are written there. Raises NoPlace."""
    place = _place(path)
    lock = place.with_name(f".{place.name}.lock")
    handle = _locked(lock)
    try:
        yield
    finally:
        # Removed while it is held: whoever opened it meanwhile sees in _locked that it is gone.
        lock.unlink(missing_ok=True)
        os.close(handle)


def _locked(lock: Path) -> int:
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink:
                return handle
        except BlockingIOError:
            os.close(handle)
            raise NoPlace(f"Another export writes to this place now: {lock} is locked.") from None
        except OSError:
            os.close(handle)
            raise
        os.close(handle)


def place_of(path: Path) -> Path:
    """The path with all links followed."""
    return Path(os.path.realpath(path))


def _place(path: Path) -> Path:
    """Where an archive of this name is written: links stay what they are. Its folder exists afterwards."""
    place = place_of(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    # One that is still a link leads to itself.
    if place.is_symlink() or (place.exists() and not place.is_file()):
        raise NoPlace(f"{path} is not a file, and is left as it is: name one that is or will be.")
    return place


def export_archive(conninfo: str, path: Path, progress: ArchiveProgress | None = None) -> Archived:
    """Writes the log as it is now into a new file; compressed if its name ends in .gz. An existing file is replaced at the end, and
    of a link the file that it names, whose name then counts. Whoever may not be the only one at the place holds it `reserved`.

    Raises NotExportable rather than writing what cannot be imported, and NoPlace.
    """
    path = _place(path)
    # Of one that was killed: it holds people's texts, and would stay for ever under a name of its own.
    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with _opened(temporary, "wb", compressed=path.suffix == ".gz") as file:
            done = _write(conninfo, file, progress)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return done


def _write(conninfo: str, file: IO[bytes], progress: ArchiveProgress | None) -> Archived:
    digest = hashlib.sha256()

    def line(content: Any) -> None:
        written = orjson.dumps(content) + b"\n"
        digest.update(written)
        file.write(written)

    with sync_pool(conninfo, size=1, name="notechondria-export") as pool:
        with pool.connection() as connection:
            head = _one(connection, "SELECT coalesce(max(position), 0) FROM log.events")
            size = _one(connection, "SELECT count(*) FROM log.events")
        line({"archive": "notechondria", "format": FORMAT, "head": head, "exported_at": datetime.now(UTC)})
        count = 0
        for rows in _settled(LogReader(pool), head):
            for row in rows:
                line(_event(row))
            count += len(rows)
            if progress is not None:
                progress(count, max(size, count))
        with pool.connection() as connection:
            line({"state": _state(connection, head)})
    file.write(orjson.dumps({"events": count, "sha256": digest.hexdigest()}) + b"\n")
    return Archived(count, head, digest.hexdigest())


def _settled(reader: LogReader, head: int) -> Iterator[list[LogRow]]:
    after = 0
    while after < head:
        rows = reader.read(after, BATCH)
        if not rows:
            # A transaction that took a position before the export began has not ended yet.
            time.sleep(SETTLING_S)
            continue
        after = rows[-1].position
        yield [row for row in rows if row.position <= head]


def _event(row: LogRow) -> dict[str, Any]:
    try:
        row.decoded()
        # Parsed and written anew: a line break in what somebody has mended by hand would end the line.
        metadata, data = orjson.loads(row.metadata), orjson.loads(row.data) if row.data else None
    except (UnknownEventType, ValueError) as error:
        raise NotExportable(f"The event {row.stream}@{row.version} at position {row.position} cannot be read: {error}") from error
    return {
        "position": row.position,
        "stream": row.stream,
        "version": row.version,
        "type": row.type,
        "recorded_at": row.recorded_at,
        "metadata": metadata,
        "data": data,
    }


def _state(connection: Connection[TupleRow], head: int) -> dict[str, Any]:
    """What goes on from where it was: ids, side effects, the key under which digests were made, the store of the files."""
    sequences = {name: _one(connection, f"SELECT last_value FROM log.{name} WHERE is_called", 0) for name in _sequences(connection)}
    reactors: dict[str, int] = dict(connection.execute("SELECT name, least(position, %s) FROM log.reactors", (head,)).fetchall())
    # What reactors have left undone; the parked streams of read models come again from the log.
    parked = connection.execute(
        "SELECT projection, stream, position, error FROM log.parked_streams"
        " WHERE projection LIKE 'reactor:%%' AND position <= %s ORDER BY projection, position",
        (head,),
    ).fetchall()
    facts: dict[str, str] = dict(
        connection.execute("SELECT name, value FROM log.facts WHERE name IN ('secret_key', 'file_store')").fetchall()
    )
    # Without these, whoever signed in more than a day ago would have to do so again.
    uses = connection.execute(
        "SELECT session_id, account_id, used_at FROM log.session_uses WHERE used_at > now() - interval '1 day' ORDER BY session_id"
    ).fetchall()
    return {"sequences": sequences, "reactors": reactors, "parked": parked, "facts": facts, "session_uses": uses}


def _sequences(connection: Connection[TupleRow]) -> list[str]:
    """The sequences of ids that clients see."""
    names = connection.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'log' AND sequencename LIKE '%\\_ids'")
    return [name for (name,) in names]


def import_archive(conninfo: str, path: Path, progress: ArchiveProgress | None = None) -> Archived:
    """Fills an empty, migrated log. Positions, times and versions stay. The read models have to be rebuilt afterwards.

    Raises ArchiveDamaged or NotEmpty before anything is written.
    """
    found = check_archive(path)
    with psycopg.connect(conninfo) as connection:
        # Keeps writers out until the commit: an event of theirs would take a position of the archive's.
        connection.execute("LOCK TABLE log.events IN EXCLUSIVE MODE")
        _require_empty(connection)
        state = _copy(connection, path, found, progress)
        connection.execute(
            "SELECT setval(pg_get_serial_sequence('log.events', 'position'), greatest(%s, 1), %s > 0)", (found.head, found.head)
        )
        known = set(_sequences(connection))
        for name, last in state["sequences"].items():
            if name in known and last:
                # The present value stays when it is higher: an id is never given twice.
                place = sql.Identifier("log", name)
                connection.execute(
                    sql.SQL("SELECT setval({}, greatest(%s, CASE WHEN is_called THEN last_value ELSE 1 END)) FROM {}").format(
                        sql.Literal(f"log.{name}"), place
                    ),
                    (last,),
                )
        for name, position in state["reactors"].items():
            connection.execute(
                "INSERT INTO log.reactors (name, position) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET position = EXCLUDED.position",
                (name, position),
            )
        for parked in state.get("parked", ()):
            connection.execute("INSERT INTO log.parked_streams (projection, stream, position, error) VALUES (%s, %s, %s, %s)", parked)
        for use in state.get("session_uses", ()):
            connection.execute("INSERT INTO log.session_uses (session_id, account_id, used_at) VALUES (%s, %s, %s)", use)
        # Should the rebuild that follows never end, the next start finds what it has to build.
        connection.execute("UPDATE log.projections SET version = 0")
        for name, value in state["facts"].items():
            connection.execute(
                "INSERT INTO log.facts (name, value) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
                (name, value),
            )
    return found


def require_empty(conninfo: str) -> None:
    """Raises NotEmpty as import_archive would, for whoever has to do something else first."""
    with psycopg.connect(conninfo) as connection:
        _require_empty(connection)


def _require_empty(connection: Connection[TupleRow]) -> None:
    if _one(connection, "SELECT count(*) FROM (SELECT FROM log.events LIMIT 1) AS any_event"):
        raise NotEmpty("The log holds events already: an archive can only be imported into an empty one.")


def _copy(connection: Connection[TupleRow], path: Path, checked: Archived, progress: ArchiveProgress | None) -> dict[str, Any]:
    state: dict[str, Any] = {}
    done = 0
    columns = "position, stream, version, type, data, metadata, recorded_at, actor, undoes"
    with connection.cursor() as cursor, cursor.copy(f"COPY log.events ({columns}) FROM STDIN (FORMAT BINARY)".encode()) as copy:
        copy.set_types(["int8", "text", "int4", "text", "bytea", "bytea", "timestamptz", "int8", "bool"])
        for content, digest in _lines(path):
            if "position" in content:
                copy.write_row(_columns(content))
                done += 1
                if progress is not None and done % BATCH == 0:
                    progress(done, checked.events)
            elif "state" in content:
                state = content["state"]
            elif "sha256" in content and digest != checked.sha256:
                raise ArchiveDamaged("The file was changed while it was being imported.")
    if progress is not None:
        progress(done, checked.events)
    return state


def _columns(content: dict[str, Any]) -> tuple[Any, ...]:
    data = b"" if content["data"] is None else orjson.dumps(content["data"])
    return (
        content["position"],
        content["stream"],
        content["version"],
        content["type"],
        data,
        orjson.dumps(content["metadata"]),
        datetime.fromisoformat(content["recorded_at"]),
        # As log.append sets them.
        content["metadata"].get("actor"),
        "undoes" in content["metadata"],
    )


def check_archive(path: Path) -> Archived:  # noqa: C901 - one branch per way in which a file can be wrong
    """Reads the file to its end and returns what it holds. Raises ArchiveDamaged for anything but a whole archive."""
    lines = _lines(path)
    header = next(lines, ({}, ""))[0]
    if header.get("archive") != "notechondria":
        raise ArchiveDamaged("This is no archive of a log.")
    if header.get("format") != FORMAT:
        raise ArchiveDamaged(f"The archive has format {header.get('format')}; this release reads format {FORMAT}.")
    count = last = 0
    stated: dict[str, Any] = {}
    for content, digest in lines:
        if stated.get("sha256"):
            raise ArchiveDamaged("Something follows the last line.")
        try:
            if "position" in content:
                position, stream, version, type_name, data, _, recorded_at, *_ = _columns(content)
                if position <= last:
                    raise ArchiveDamaged(f"Position {position} is out of order.")
                decode(type_name, stream, version, data, recorded_at)
                last = position
                count += 1
            elif "sha256" in content:
                if content["sha256"] != digest or content["events"] != count:
                    raise ArchiveDamaged("The checksum is not that of the content: the file was changed.")
                stated["sha256"] = digest
            else:
                stated["state"] = content["state"]
        except (KeyError, TypeError, ValueError, UnknownEventType) as error:
            raise ArchiveDamaged(f"Event after position {last} cannot be read: {error}") from error
    if not stated.get("sha256") or "state" not in stated:
        raise ArchiveDamaged("The end of the file is missing.")
    if not isinstance(header.get("head"), int):
        raise ArchiveDamaged("The first line does not tell up to which position the archive goes.")
    return Archived(count, max(last, header["head"]), cast("str", stated["sha256"]))


def _lines(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Each line's object, with the checksum of the lines before it on the last one."""
    digest = hashlib.sha256()
    try:
        with _opened(path, "rb", compressed=_is_compressed(path)) as file:
            for line in file:
                content = orjson.loads(line)
                if not isinstance(content, dict):
                    raise ArchiveDamaged("A line is no JSON object.")
                is_last = "sha256" in content and "position" not in content
                yield content, digest.hexdigest() if is_last else ""
                digest.update(line)
    except (orjson.JSONDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArchiveDamaged(f"The file was cut off or changed: {error}") from error


def _is_compressed(path: Path) -> bool:
    """Looked up in the file: whoever renamed or linked it may have given it another name."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _opened(path: Path, mode: str, *, compressed: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, mode) if compressed else path.open(mode))


def _one(connection: Connection[TupleRow], query: str, default: int = 0) -> int:
    row = connection.execute(query.encode()).fetchone()
    return default if row is None else int(row[0])
