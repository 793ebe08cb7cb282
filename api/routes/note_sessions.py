"""Note sessions (contract: planner_platform 8, 16.5)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from api.call import Call
from api.routing import Route
from api.schemas.note_sessions import NoteSessionChange, NoteSessionIn, NoteSessionOut, NoteSessionQuery
from api.schemas.paging import read_limit
from api.schemas.preconditions import STALE
from api.writing import carry_out
from commands.errors import NotFound
from commands.note_sessions.commands import ChangeNoteSession, StartNoteSession, change_note_session, start_note_session
from projections.note_sessions import queries

USUAL_LIMIT = 50
LARGEST_LIMIT = 200


async def list_note_sessions(call: Call) -> bytes:
    """Newest start first."""
    limit = read_limit(call.query.limit, LARGEST_LIMIT) or USUAL_LIMIT
    body: bytes = (await call.ask(queries.list_note_sessions(limit, call.query.note_id)))[0]
    return body


def start(call: Call) -> Response:
    """A sitting begins."""
    command = StartNoteSession(**call.body.sent())
    return carry_out(
        call,
        lambda work: start_note_session(work, command),
        lambda _, row: (201, _found(row)),
        answer=queries.get_note_session,
    )


async def get_note_session(call: Call) -> bytes:
    """One session."""
    return _found(await call.ask(queries.get_note_session(call.path["session_id"])))


def change(call: Call) -> Response:
    """Closes a session, or changes what was sent."""
    fields = call.body.sent()
    fields.pop("note_id", None)
    command = ChangeNoteSession(session_id=call.path["session_id"], **fields)
    return carry_out(
        call,
        lambda work: change_note_session(work, command),
        lambda _, row: (200, _found(row)),
        answer=queries.get_note_session,
    )


def _found(row: tuple[Any, ...] | None) -> bytes:
    if row is None or row[0] is None:
        raise NotFound("NoteSession")
    body: bytes = row[0]
    return body


ROUTES = [
    Route(
        "GET", "/note-sessions/", list_note_sessions, "List note sessions",
        description="Newest first.",
        query=NoteSessionQuery, answer=list[NoteSessionOut],
    ),
    Route(
        "POST", "/note-sessions/", start, "Start a note session", body=NoteSessionIn, answer=NoteSessionOut, status=201, refusals=[404],
        examples={"now": {"note_id": 120, "title": "Reading log", "summary": "Chapter two", "started_at": "2031-05-06T18:00:00"}},
    ),
    Route("GET", "/note-sessions/{session_id:int}/", get_note_session, "Read a note session", answer=NoteSessionOut),
    Route(
        "PATCH", "/note-sessions/{session_id:int}/", change, "Change or close a note session",
        description="`ended_at` closes it, null reopens it.",
        body=NoteSessionChange,
        answer=NoteSessionOut, answers=STALE, examples={"close": {"ended_at": "2031-05-06T18:40:00"}},
    ),
]  # fmt: skip
