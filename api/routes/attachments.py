"""Attachments of notes, by the note's id and by its uuid (contract: notes 12, 18)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from uuid import UUID

from starlette.responses import Response

from api.answers import column
from api.call import Call
from api.routing import Route
from api.schemas.attachments import ATTACHMENT_EXAMPLE, AttachmentOut
from api.schemas.preconditions import STALE
from api.uploads import receive_file, store
from api.writing import carry_out
from commands.attachments.commands import AttachFile, attach_file
from commands.attachments.commands import delete_attachment as decide_deletion
from commands.errors import Forbidden, NotFound, Unreadable
from eventstore.blobs import new_path
from eventstore.locks import exclusively
from projections.attachments import queries

LARGEST_FILE = 20 * 1024 * 1024
TOO_LARGE = "File exceeds maximum size of 20 MB."
QUOTA_LOCK = 7266110
"""First half of the lock under which an account with a quota stores one file at a time; the second half is its id."""


async def list_attachments(call: Call) -> bytes:
    """The files of a note that the caller may read, newest first."""
    note_id, readable, files = await call.ask(queries.list_attachments(_note(call)))
    _require_readable(note_id, readable)
    return bytes(files)


async def get_attachment(call: Call) -> bytes:
    """One file of a note that the caller may read."""
    note_id, readable, file = await call.ask(queries.get_attachment(_note(call), call.path["attachment_id"]))
    _require_readable(note_id, readable)
    if file is None:
        raise NotFound("NoteAttachment")
    return bytes(file)


async def upload_attachment(call: Call) -> Response:
    """Stores a file and attaches it. Who may not do it is told before the file is read."""
    key = _note(call)
    note_id = await own_note_of(call, key, "upload attachments")
    account_id = call.account_id
    folder = f"note_{key.hex}" if isinstance(key, UUID) else f"note_{note_id}"
    async with receive_file(call, "file", LARGEST_FILE, TOO_LARGE) as upload:
        path = new_path(f"user_upload/user_{account_id}/notes/{folder}", upload.filename)
        command = AttachFile(
            note_id=note_id,
            filename=upload.filename,
            size=upload.size,
            content_type=upload.content_type,
            media_type=upload.media_type,
            path=path,
            sha256=upload.sha256,
        )
        return await store(call, upload, path, lambda: _attach(call, account_id, command))


def _attach(call: Call, account_id: int, command: AttachFile) -> Response:
    with within_quota(call, account_id) as quota:
        return carry_out(
            call,
            lambda work: attach_file(work, account_id, command, quota),
            lambda _, row: (201, column(row)),
            answer=queries.made_attachment,
        )


@contextmanager
def within_quota(call: Call, account_id: int) -> Iterator[int | None]:
    """How many bytes the account may store, None for any number; while this holds, nothing else is stored for it."""
    quota = call.services.settings.attachments_quota_mb
    # Without the lock, uploads at the same moment would each find the room that is there for one of them.
    with exclusively(call.services.thread_pool, QUOTA_LOCK, account_id % 2**31) if quota else nullcontext():
        yield quota and quota * 1024 * 1024


async def delete_attachment(call: Call) -> Response:
    """Takes a file away. It lies in the recycle bin until that is emptied."""
    note_id = await own_note_of(call, _note(call), "delete attachments")
    return await call.in_thread(_delete, call, note_id)


def _delete(call: Call, note_id: int) -> Response:
    account_id = call.account_id
    return carry_out(
        call,
        lambda work: decide_deletion(work, account_id, note_id, call.path["attachment_id"]),
        lambda _, __: (204, b""),
    )


async def own_note_of(call: Call, key: int | UUID, doing: str) -> int:
    """The id of a note that is the caller's. Raises NotFound, Unreadable, Forbidden."""
    note_id, readable, is_own = await call.ask(queries.note_access(key))
    _require_readable(note_id, readable)
    if not is_own:
        raise Forbidden(f"Only the owner can {doing}.")
    return int(note_id)


def _require_readable(note_id: int | None, readable: bool | None) -> None:
    if note_id is None:
        raise NotFound("Note")
    if not readable:
        raise Unreadable


def _note(call: Call) -> int | UUID:
    key: int | UUID = call.path["note_id"] if "note_id" in call.path else call.path["note_uuid"]
    return key


def _routes(note: str) -> list[Route]:
    files = f"/notes/{note}/attachments/"
    one = files + "{attachment_id:int}/"
    return [
        Route("GET", files, list_attachments, "List a note's attachments", answer=list[AttachmentOut]),
        Route(
            "POST",
            files,
            upload_attachment,
            "Upload an attachment",
            answer=AttachmentOut,
            status=201,
            refusals=[403],
            file="file",
            answer_example=ATTACHMENT_EXAMPLE,
            description="A multipart body with the file in the part `file`, up to 20 MB.",
        ),
        Route(
            "GET", one, get_attachment, "Read an attachment's details", description="The file itself is at its `url`.", answer=AttachmentOut
        ),
        Route(
            "DELETE",
            one,
            delete_attachment,
            "Delete an attachment",
            description="It goes to the recycle bin.",
            status=204,
            answers=STALE,
            refusals=[403],
        ),
    ]


ROUTES = [*_routes("{note_id:int}"), *_routes("uuid/{note_uuid:uuid}")]
