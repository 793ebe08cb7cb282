"""Cover pictures of notes (contract: notes 18)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from api.call import Call
from api.routes.attachments import own_note_of
from api.routing import Route
from api.schemas.notes import NoteItemOut
from api.uploads import receive_file, store
from api.writing import carry_out
from commands.attachments.media_types import PLAIN_IMAGES
from commands.errors import Declined
from commands.notes.covers import change_cover
from eventstore.blobs import new_path
from projections.notes.queries import get_note_item

LARGEST_COVER = 5 * 1024 * 1024
TOO_LARGE = "Cover exceeds maximum size of 5 MB."
NO_IMAGE = "The cover has to be a picture: PNG, JPEG, GIF, WebP, AVIF or BMP."
DOING = "change the cover"


async def set_cover(call: Call) -> Response:
    """Stores a picture and makes it the note's cover."""
    note_id = await own_note_of(call, call.path["note_id"], DOING)
    assert call.caller is not None
    async with receive_file(call, "cover", LARGEST_COVER, TOO_LARGE) as upload:
        if upload.media_type not in PLAIN_IMAGES:
            raise Declined(NO_IMAGE)
        path = new_path(f"user_upload/user_{call.caller.account_id}/notes/note_{note_id}", upload.filename)
        return await store(call, upload, path, lambda: _change(call, note_id, path))


async def remove_cover(call: Call) -> Response:
    """Takes the cover away, if there is one."""
    note_id = await own_note_of(call, call.path["note_id"], DOING)
    return await call.in_thread(_change, call, note_id, "")


def _change(call: Call, note_id: int, path: str) -> Response:
    assert call.caller is not None
    account_id = call.caller.account_id
    assert account_id is not None
    return carry_out(
        call,
        lambda work: change_cover(work, account_id, note_id, path),
        lambda _, row: (200, _item(row)),
        answer=get_note_item,
    )


def _item(row: tuple[Any, ...] | None) -> bytes:
    assert row is not None
    return bytes(row[0])


COVER = "/notes/{note_id:int}/cover/"

ROUTES = [
    Route(
        "POST",
        COVER,
        set_cover,
        "Give a note a cover",
        answer=NoteItemOut,
        description="A multipart body with the picture in the part `cover`, at most 5 MB.",
    ),
    Route("DELETE", COVER, remove_cover, "Take a note's cover away", answer=NoteItemOut),
]
