"""Notes: list, create, read, change, delete (contract: notes 4, 5, 9.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from api.call import Call, json_bytes
from api.note_access import author_only, id_of, readable
from api.routes.history import past_note
from api.routing import Route
from api.schemas.notes import (
    BlockIn,
    DetailQuery,
    FoundNoteOut,
    ListQuery,
    NoteDetailOut,
    NoteIn,
    NoteOut,
    NotePageOut,
    NotePatch,
    NoteSavedOut,
)
from api.writing import carry_out
from commands.context import utc_now
from commands.errors import PreconditionFailed
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.bin import delete_note
from commands.notes.blocks import GivenBlock
from commands.notes.commands import ChangeNote, CreateNote, Saved, change_note, create_note, incoming_note
from commands.notes.lookups import NewNote
from projections.notes.lists import MOST_UNPAGED, Scope, Sort, Wanted, list_notes
from projections.notes.lookups import new_note
from projections.notes.queries import get_access, get_note, get_note_by_uuid
from projections.notes.rendering import known_under
from projections.reading import Query
from projections.search.finding import search_notes

LARGEST_PAGE = 100
FARTHEST = 2**40
SCOPES: Mapping[str, Scope] = {"all": "all", "private": "private", "public": "public"}
SORTS: Mapping[str, Sort] = {"newest": "newest", "oldest": "oldest", "popular": "popular"}
WINDOWS = {"3": 3, "7": 7, "30": 30, "365": 365}


async def list_all(call: Call) -> bytes:
    """The caller's notes, and those of others where the scope says so; a page when there is a limit."""
    wanted = call.query
    which = Wanted(
        scope=SCOPES.get(wanted.scope.lower(), "personal"),
        anonymous=call.credentials.kind == "none",
        course_id=wanted.course_id,
        window_days=WINDOWS.get(wanted.window),
    )
    sort = SORTS.get(wanted.sort.lower(), "edited")
    if wanted.limit is None and wanted.q:
        results, _, _ = await search_notes(call.ask, which, wanted.q, MOST_UNPAGED, 0)
        return results
    if wanted.limit is None:
        results, _, _ = await call.ask(list_notes(which, sort, MOST_UNPAGED, 0))
        return bytes(results)
    limit, offset = min(max(wanted.limit, 1), LARGEST_PAGE), min(max(wanted.offset or 0, 0), FARTHEST)
    if wanted.q:
        results, total, has_more = await search_notes(call.ask, which, wanted.q, limit, offset)
    else:
        results, total, has_more = await call.ask(list_notes(which, sort, limit, offset))
    return b'{"results":%b,"total":%d,"offset":%d,"limit":%d,"has_more":%b}' % (
        results, total, offset, limit, b"true" if has_more else b"false",
    )  # fmt: skip


def create(call: Call) -> Response:
    """A new note; 200 with the known one when its draft came before."""
    command = call.command or _incoming(call)
    account_id = call.account_id
    # Good for the first decision only: a second is made because something has changed since.
    met = [NewNote(*call.asked_along)] if call.asked_along else []
    return carry_out(
        call,
        lambda work: create_note(work, account_id, command, met.pop() if met else None),
        lambda saved, row: (201 if saved.outcome == "created" else 200, told(row, saved)),
        answer=lambda saved: get_note(saved.note_id),
    )


def _meets(call: Call) -> Query:
    call.command = _incoming(call)
    return new_note(incoming_note(call.command, utc_now()))


def _incoming(call: Call) -> CreateNote:
    return CreateNote(**note_fields(call.body.sent()))


async def get(call: Call) -> Response | bytes:
    """A note, as it is or as it was."""
    if call.query.as_of:
        return await call.in_thread(past_note, call, call.path["note_id"], call.query.as_of)
    return _detail(call, await call.ask(get_note(call.path["note_id"])))


async def get_by_uuid(call: Call) -> Response | bytes:
    """The same by uuid, which links to shared notes carry."""
    uuid = str(call.path["uuid"])
    if call.query.as_of:
        row = await call.ask(get_access(uuid=uuid))
        readable(row)
        return await call.in_thread(past_note, call, row[2], call.query.as_of)
    return _detail(call, await call.ask(get_note_by_uuid(uuid)))


def change(call: Call) -> Response:
    """Changes the fields that were sent."""
    return _change(call, call.path["note_id"])


def change_by_uuid(call: Call) -> Response:
    """The same by uuid."""
    return _change(call, id_of(call))


def delete(call: Call) -> Response:
    """Into the recycle bin."""
    return _delete(call, call.path["note_id"])


def delete_by_uuid(call: Call) -> Response:
    """The same by uuid."""
    return _delete(call, id_of(call))


def _change(call: Call, note_id: int) -> Response:
    command = ChangeNote(**note_fields(call.body.sent()))
    account_id = call.account_id

    def decide(work: Work[Lookups]) -> Saved:
        return change_note(work, account_id, note_id, command)

    tags: list[str] = []

    def respond(saved: Saved, row: Sequence[Any] | None) -> tuple[int, bytes]:
        if row is not None:
            tags.append(f'"{row[3]}"')
        return 200, told(row, saved)

    try:
        response = carry_out(call, decide, respond, answer=lambda saved: get_note(saved.note_id))
    except PreconditionFailed:
        return _current(call, note_id)
    if tags:
        response.headers["ETag"] = tags[-1]
    return response


def _delete(call: Call, note_id: int) -> Response:
    account_id = call.account_id
    try:
        return carry_out(call, lambda work: delete_note(work, account_id, note_id), lambda _gone, _row: (204, b""))
    except PreconditionFailed:
        return _current(call, note_id)


def _current(call: Call, note_id: int) -> Response:
    """What a caller with an outdated If-Match gets: the state that is there."""
    row = call.ask_now(get_note(note_id))
    readable(row)
    return json_bytes(call, row[2], 412, {"ETag": f'"{row[3]}"'})


def _detail(call: Call, row: Sequence[Any]) -> Response:
    readable(row)
    return json_bytes(call, row[2], headers={"ETag": f'"{row[3]}"'})


def told(row: Sequence[Any] | None, saved: Saved) -> bytes:
    """The detail after a save, and what came of it."""
    assert row is not None
    # A save that changes nothing may answer with a note that was deleted a moment ago.
    readable(row)
    body: bytes = row[2]
    if saved.last_edit is not None:
        body = known_under(body, saved.last_edit)
    return b'%b,"outcome":"%b"}' % (body[:-1], saved.outcome.encode())


def note_fields(sent: dict[str, Any]) -> dict[str, Any]:
    """What was sent, as the fields of the commands."""
    if sent.get("blocks") is not None:
        sent["blocks"] = tuple(map(given_block, sent["blocks"]))
    if sent.get("source_note_uuid") is not None:
        sent["source_note_uuid"] = str(sent["source_note_uuid"])
    return sent


def given_block(block: BlockIn) -> GivenBlock:
    """A block of a request."""
    return GivenBlock(block_type=block.block_type, text=block.text, args=block.args, is_ai_generated=block.is_AI_generated)


EXAMPLE = {"title": "Cell biology", "description": "Lecture one", "content": "# Cell biology\n\nMembranes and organelles."}

ROUTES = [
    Route(
        "GET", "/notes/", list_all, "List or search notes",
        description="By last edit unless `sort` says otherwise. With `limit` a page, without it a bare list of at most 1000.",
        caller="open", query=ListQuery, answer=NotePageOut | list[FoundNoteOut],
    ),
    Route(
        "POST", "/notes/", create, "Create a note",
        description="A repeated upload, known by its `client_draft_id`, changes its note and answers 200.",
        body=NoteIn, answer=NoteSavedOut, status=201, asks_along=_meets,
        answers={200: NoteSavedOut},
        examples={"note": EXAMPLE, "draft": {**EXAMPLE, "client_draft_id": "draft_1775901234567890_77012"}},
    ),
    Route(
        "GET", "/notes/{note_id:int}/", get, "Read a note",
        description="`as_of` shows it as it was at a time or version.",
        caller="open", query=DetailQuery, answer=NoteDetailOut,
    ),
    Route(
        "PATCH", "/notes/{note_id:int}/", change, "Change a note",
        description="A note that has changed since `base_version` is merged; `If-Match` asks to be refused instead.",
        body=NotePatch, answer=NoteSavedOut, stream="note-{note_id}",
        answers={412: NoteOut}, guard=author_only("update this note"), examples={"text": {"content": "# Cell biology\n\nMembranes."}},
    ),
    Route(
        "DELETE", "/notes/{note_id:int}/", delete, "Delete a note",
        description="It goes to the recycle bin.",
        status=204, answers={412: NoteOut}, refusals=[403],
    ),
    Route("GET", "/notes/uuid/{uuid:uuid}/", get_by_uuid, "Read a note by uuid", caller="open", query=DetailQuery, answer=NoteDetailOut),
    Route(
        "PATCH", "/notes/uuid/{uuid:uuid}/", change_by_uuid, "Change a note by uuid", body=NotePatch, answer=NoteSavedOut,
        answers={412: NoteOut}, guard=author_only("update this note"), examples={"text": {"content": "# Cell biology\n\nMembranes."}},
    ),
    Route(
        "DELETE", "/notes/uuid/{uuid:uuid}/", delete_by_uuid, "Delete a note by uuid", status=204,
        answers={412: NoteOut}, refusals=[403],
    ),
]  # fmt: skip
