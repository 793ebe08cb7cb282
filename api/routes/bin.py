"""The recycle bin of notes (contract: notes 9)."""

from __future__ import annotations

from starlette.responses import Response

from api.call import Call
from api.routing import Method, Route
from api.schemas.notes import DeletedNoteOut, EmptiedOut, NoteOut
from api.schemas.preconditions import STALE
from api.writing import carry_out
from commands.notes.bin import empty_bin, restore_note
from projections.notes.queries import get_note, list_deleted_notes


async def list_deleted(call: Call) -> bytes:
    """The caller's deleted notes, latest deletion first."""
    results: bytes = (await call.ask(list_deleted_notes(call.services.settings.bin_retention_days)))[0]
    return results


def restore(call: Call) -> Response:
    """Brings a note back with all it had; it stays private."""
    account_id, note_id = call.account_id, call.path["note_id"]
    return carry_out(
        call,
        lambda work: restore_note(work, account_id, note_id),
        lambda _, row: (200, row[2] if row else b""),
        answer=lambda _: get_note(note_id),
    )


def empty(call: Call) -> Response:
    """Purges all deleted notes of the caller: what was written is overwritten in the log."""
    account_id = call.account_id
    return carry_out(
        call,
        lambda work: empty_bin(work, account_id),
        lambda count, _: (200, b'{"count":%d,"deleted_count":%d}' % (count, count)),
    )


def _empty(method: Method) -> Route:
    return Route(
        method,
        "/notes/deleted/empty/",
        empty,
        "Empty the recycle bin",
        description="Purges deleted notes and attachments for good, in the log as well.",
        answer=EmptiedOut,
        answers=STALE,
    )


ROUTES = [
    Route("GET", "/notes/deleted/", list_deleted, "List deleted notes", answer=list[DeletedNoteOut]),
    Route(
        "POST",
        "/notes/{note_id:int}/restore/",
        restore,
        "Restore a deleted note",
        description="It comes back private.",
        answer=NoteOut,
        answers=STALE,
    ),
    _empty("DELETE"),
    _empty("POST"),
]
