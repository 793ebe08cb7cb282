"""Cover pictures of notes (contract: notes 18)."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from api.answers import column
from api.call import Call
from api.routes.attachments import own_note_of, within_quota
from api.routing import Route
from api.schemas.notes import NoteItemOut
from api.uploads import receive_file, store
from api.writing import carry_out
from commands.attachments.media_types import PLAIN_IMAGES
from commands.errors import Declined
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes import covers
from commands.notes.covers import DOING
from eventstore.blobs import new_path
from projections.notes.queries import get_note_item

LARGEST_COVER = 5 * 1024 * 1024
TOO_LARGE = "Cover exceeds maximum size of 5 MB."
NO_IMAGE = "The cover has to be a picture: PNG, JPEG, GIF, WebP, AVIF or BMP."


async def set_cover(call: Call) -> Response:
    """Stores a picture and makes it the note's cover."""
    note_id = await own_note_of(call, call.path["note_id"], DOING)
    account_id = call.account_id
    async with receive_file(call, "cover", LARGEST_COVER, TOO_LARGE) as upload:
        if upload.media_type not in PLAIN_IMAGES:
            raise Declined(NO_IMAGE)
        path = new_path(f"user_upload/user_{account_id}/notes/note_{note_id}", upload.filename)
        return await store(call, upload, path, lambda: _set(call, account_id, note_id, path, upload.size))


def _set(call: Call, account_id: int, note_id: int, path: str, size: int) -> Response:
    with within_quota(call, account_id) as quota:
        return _carry_out(call, lambda work: covers.set_cover(work, account_id, note_id, path, size, quota))


async def remove_cover(call: Call) -> Response:
    """Takes the cover away, if there is one."""
    note_id = await own_note_of(call, call.path["note_id"], DOING)
    account_id = call.account_id
    return await call.in_thread(_carry_out, call, lambda work: covers.remove_cover(work, account_id, note_id))


def _carry_out(call: Call, decide: Callable[[Work[Lookups]], int]) -> Response:
    return carry_out(call, decide, lambda _, row: (200, column(row)), answer=get_note_item)


COVER = "/notes/{note_id:int}/cover/"

ROUTES = [
    Route(
        "POST",
        COVER,
        set_cover,
        "Set a note's cover",
        answer=NoteItemOut,
        refusals=[403],
        file="cover",
        description="A multipart body with the image in the part `cover`, up to 5 MB.",
    ),
    Route("DELETE", COVER, remove_cover, "Remove a note's cover", answer=NoteItemOut, refusals=[403]),
]
