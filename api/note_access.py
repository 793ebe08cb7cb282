"""Whose a note is, as the routes of notes need to know it before they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from api.call import Call
from commands.errors import Forbidden, NotFound, Unreadable
from eventstore.block_ids import note_of
from projections.notes.queries import get_access


def readable(row: Sequence[Any]) -> None:
    """Refuses a note that is not there or not for the caller, by the first column of a note's queries."""
    if row[0] is None:
        raise NotFound("Note")
    if not row[0]:
        raise Unreadable


def author_only(doing: str) -> Callable[[Call], Awaitable[None]]:
    """A guard: that the note is not the caller's is told before what is wrong with the request."""

    async def guard(call: Call) -> None:
        note_id, uuid = call.path.get("note_id"), call.path.get("uuid")
        row = await call.ask(get_access(note_id, str(uuid) if uuid is not None else None))
        readable(row)
        if not row[1]:
            raise Forbidden(f"Only the owner can {doing}.")

    return guard


def block_author_only(doing: str) -> Callable[[Call], Awaitable[None]]:
    """The same for the routes of single blocks."""

    async def guard(call: Call) -> None:
        row = await call.ask(get_access(note_of(call.path["block_id"])))
        if row[0] is None:
            raise NotFound("NoteBlock")
        if not row[1]:
            raise Forbidden(f"Only the owner can {doing}.")

    return guard


def id_of(call: Call) -> int:
    """The id of the note whose uuid is in the path."""
    note_id = call.services.commands.lookups.note_of_uuid(str(call.path["uuid"]))
    if note_id is None:
        raise NotFound("Note")
    return note_id
