"""Taking everything of one's own along: one ZIP, sent while it is made (form of the notes: clients 13)."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response, StreamingResponse

from api.answers import media_origin
from api.call import Call
from api.routing import Route
from api.schemas.export import ExportQuery
from api.zipping import ZipStream
from commands.context import utc_now
from eventstore.blobs import BlobMissing
from projections.export import (
    LISTS,
    exported_account,
    exported_files,
    exported_history,
    exported_list,
    exported_texts,
    streams_of,
)
from projections.wire import resolved

STREAMS_AT_ONCE = 500
LONGEST_NAME = 200
"""Bytes of a file's or a folder's name, so that disks take it with its number and ending."""
UNTITLED = "untitled"
README = """\
Everything of one account on Notechondria.

notes/          the notes by category, as markdown with title, category and description on top; the apps read these files in again
recycle-bin/    the same of deleted notes
data/           settings, and notes, courses, attachments, plans, calendars and sessions as the API tells them
media/          the files, under the paths by which notes name them
history.jsonl   every change to all of this, one a line, as the log holds it, each stream by its versions
missing.txt     files that could not be found any more, if there are any
"""

_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]+')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.ASCII | re.IGNORECASE)
"""What Windows takes for a device, whatever the ending."""
_UNPRINTABLE = re.compile("[\x7f-\x9f\ufeff\ufffe\uffff]")
"""What JSON leaves as it is and YAML does not hold."""
_PLAIN = re.compile(r"[^\W\d_][\w ().,;!?/+–—-]*", re.UNICODE)
"""Words that YAML cannot take for anything else."""
_NO_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


async def export(call: Call) -> Response:
    """All of the account as a ZIP."""
    caller = await call.identify()
    name = f"notechondria-{caller.username}-{utc_now():%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    return StreamingResponse(_archive(call), 200, headers, "application/zip")


async def _archive(call: Call) -> AsyncIterator[bytes]:
    # Who asks is looked at with each page: a session that ends meanwhile ends the archive, which then lacks its table of contents.
    archive = ZipStream(utc_now())
    archive.add("README.txt", README.encode())
    settings, streams = await call.ask(exported_account())
    archive.add("data/settings.json", resolved(bytes(settings), media_origin(call.scope)))
    for parts in (_texts(call, archive), _lists(call, archive, streams), _files(call, archive)):
        async for piece in parts:
            yield piece
    if call.query.history:
        async for piece in _history(call, archive, streams):
            yield piece
    yield archive.finished()


async def _texts(call: Call, archive: ZipStream) -> AsyncIterator[bytes]:
    names = _Names()
    after: int | None = 0
    while after is not None:
        (notes,) = await call.ask(exported_texts(after))
        after = await asyncio.to_thread(_add_texts, archive, names, bytes(notes))
        yield archive.taken()


def _add_texts(archive: ZipStream, names: _Names, page: bytes) -> int | None:
    """Returns the id of the last note, None when there was none."""
    last = None
    for note in orjson.loads(page):
        folder = "recycle-bin" if note["is_deleted"] else f"notes/{file_name(note['category'])}"
        archive.add(names.new(folder, note["title"], ".md"), markdown(note).encode())
        last = note["id"]
    return last


async def _lists(call: Call, archive: ZipStream, streams: list[str]) -> AsyncIterator[bytes]:
    """Adds the streams of all these things to `streams`."""
    for name in LISTS:
        with archive.file(f"data/{name}.json") as file:
            file.write(b"[\n")
            after = 0
            while True:
                objects, ids = await call.ask(exported_list(name, after))
                if not ids:
                    break
                streams += streams_of(name, ids)
                page = (b",\n" if after else b"") + resolved(bytes(objects), media_origin(call.scope))
                after = ids[-1]
                await asyncio.to_thread(file.write, page)
                yield archive.taken()
            file.write(b"\n]\n")


async def _files(call: Call, archive: ZipStream) -> AsyncIterator[bytes]:
    (paths,) = await call.ask(exported_files())
    blobs = call.services.blobs
    missing = []
    for path in sorted(paths):
        blob = await blobs.find(path)
        if blob is None:
            missing.append(path)
            continue
        try:
            with archive.file(f"media/{path}", packed=False) as file:
                async for piece in blobs.stream(path, 0, blob.size):
                    await asyncio.to_thread(file.write, piece)
                    yield archive.taken()
        except BlobMissing:
            missing.append(path)
    if missing:
        archive.add("missing.txt", "".join(f"media/{path}\n" for path in missing).encode())


async def _history(call: Call, archive: ZipStream, streams: list[str]) -> AsyncIterator[bytes]:
    with archive.file("history.jsonl") as file:
        for start in range(0, len(streams), STREAMS_AT_ONCE):
            some = streams[start : start + STREAMS_AT_ONCE]
            stream, version = "", 0
            while True:
                lines, stream, version = await call.ask(exported_history(some, stream, version))
                if stream is None:
                    break
                await asyncio.to_thread(file.write, bytes(lines) + b"\n")
                yield archive.taken()


def markdown(note: Mapping[str, Any]) -> str:
    """The note as the apps export it: what is said of it between two lines of dashes, then its text."""
    told = {key: note[key] for key in ("title", "author", "category", "last_edit", "description", "uuid")}
    head = "".join(f"{key}: {_yaml(' '.join(str(value).split()))}\n" for key, value in told.items() if value)
    return f"---\n{head}---\n\n{note['content']}"


def _yaml(words: str) -> str:
    plain = _PLAIN.fullmatch(words) and words.lower() not in _NO_WORDS
    return words if plain else _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(words, ensure_ascii=False))


def file_name(title: str) -> str:
    """A name that every file system takes."""
    fit = " ".join(_UNFIT.sub(" ", title).split())
    name = fit.encode()[:LONGEST_NAME].decode(errors="ignore").strip(" .") or UNTITLED
    device = _DEVICE.match(name)
    return f"{device[0]}_{name[device.end() :]}" if device else name


class _Names:
    """Gives each file a name of its own; letter case makes no difference, nor how an accent is written, as on many disks."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def new(self, folder: str, title: str, ending: str) -> str:
        name = f"{folder}/{file_name(title)}"
        while (times := self._given.get(_on_disk(name), 0)) > 0:
            self._given[_on_disk(name)] = times + 1
            name = f"{name} ({times + 1})"
        self._given[_on_disk(name)] = 1
        return name + ending


def _on_disk(name: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


ROUTES = [
    Route(
        "GET",
        "/export/",
        export,
        "Export the account",
        query=ExportQuery,
        description="A ZIP of all notes as markdown, everything else as JSON, all files, and every change unless `history` is false.",
        media="application/zip",
        head=False,
    ),
]
