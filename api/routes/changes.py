"""The caller's changes, and taking them back."""

from __future__ import annotations

import orjson
from starlette.responses import Response

from api.call import Call
from api.note_access import caller_id
from api.routing import Route
from api.schemas.changes import ChangesOut, ChangesQuery, UndoIn, UndoneOut
from api.writing import carry_out
from commands.inverses import INVERSES
from commands.undo import undo
from projections.changes.queries import Change, about_changes, change_objects, read_changes

USUAL_LENGTH = 20
GREATEST_LENGTH = 100


def list_changes(call: Call) -> bytes:
    """What the caller has changed, newest first, through whichever door."""
    wanted = call.query
    limit = USUAL_LENGTH if wanted.limit is None else min(max(wanted.limit, 1), GREATEST_LENGTH)
    found, more = _read(call, wanted.before)
    changes = found[:limit]
    more = more or len(found) > limit
    results = change_objects(changes, call.ask_now(about_changes(changes)), INVERSES) if changes else []
    last = changes[-1].first_position if changes and more else None
    return orjson.dumps({"results": results, "has_more": more, "next_before": last})


def _read(call: Call, before: int | None) -> tuple[list[Change], bool]:
    reading = read_changes(before)
    query = next(reading)
    while True:
        try:
            query = reading.send(call.ask_now(query))
        except StopIteration as read:
            return read.value  # type: ignore[no-any-return]


def undo_change(call: Call) -> Response:
    """Takes back the caller's last change, or the named one, by a new change; 409 when later changes stand in the way."""
    account_id, wanted = caller_id(call), call.body.change
    return carry_out(
        call,
        lambda work: undo(work, account_id, wanted, INVERSES),
        lambda undone, _: (
            200,
            orjson.dumps({"undone": undone.change_id, "command": undone.command, "message": "The change was undone."}),
        ),
    )


ROUTES = [
    Route("GET", "/changes/", list_changes, "The caller's changes", query=ChangesQuery, answer=ChangesOut),
    Route(
        "POST", "/undo/", undo_change, "Take a change back", body=UndoIn, answer=UndoneOut, examples={"last": {}, "named": {"change": 4711}}
    ),
]
