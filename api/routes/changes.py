"""The caller's changes, and taking them back."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import orjson
from starlette.responses import Response

from api.call import Call
from api.routing import Route
from api.schemas.changes import ChangesOut, ChangesQuery, UndoIn, UndoneOut, UndoPreviewOut, UndoQuery
from api.writing import carry_out
from commands.handling import Work
from commands.inverses import INVERSES
from commands.lookups import Lookups
from commands.undo import Undone, publishes, undo
from projections.changes.queries import about_changes, change_objects, read_change, read_changes
from projections.reading import Query

T = TypeVar("T")

USUAL_LENGTH = 20
GREATEST_LENGTH = 100


def list_changes(call: Call) -> bytes:
    """What the caller has changed, newest first, through whichever door."""
    wanted = call.query
    limit = USUAL_LENGTH if wanted.limit is None else min(max(wanted.limit, 1), GREATEST_LENGTH)
    found, more = _read(call, read_changes(wanted.before))
    changes = found[:limit]
    more = more or len(found) > limit
    results = change_objects(changes, call.ask_now(about_changes(changes)), INVERSES) if changes else []
    last = changes[-1].first_position if changes and more else None
    return orjson.dumps({"results": results, "has_more": more, "next_before": last})


def _read(call: Call, reading: Generator[Query, Any, T]) -> T:
    query = next(reading)
    while True:
        try:
            query = reading.send(call.ask_now(query))
        except StopIteration as read:
            return read.value  # type: ignore[no-any-return]


def preview_undo(call: Call) -> bytes:
    """What taking the last change back, or the named one, would do at this moment; refused as `POST /undo/` would be."""
    wanted, key, account_id = call.query.change, call.query.key, call.identify_now().account_id
    assert account_id is not None

    def decide(work: Work[Lookups]) -> tuple[Undone, bool]:
        return undo(work, account_id, wanted, INVERSES, key), publishes(work)

    undone, published = call.services.commands.preview(decide, call.context())
    change = _read(call, read_change(undone.change_id))
    changes = [change] if change else []
    shown = change_objects(changes, call.ask_now(about_changes(changes)), INVERSES)
    summary = shown[0]["summary"] if shown else ""
    return orjson.dumps({"change": undone.change_id, "command": undone.command, "summary": summary, "publishes": published})


def undo_change(call: Call) -> Response:
    """Takes back the caller's last change, or the named one, by a new change; 409 when later changes stand in the way."""
    account_id, wanted = call.account_id, call.body.change
    return carry_out(
        call,
        lambda work: undo(work, account_id, wanted, INVERSES),
        lambda undone, _: (
            200,
            orjson.dumps({"undone": undone.change_id, "command": undone.command, "message": "The change was undone."}),
        ),
    )


ROUTES = [
    Route(
        "GET",
        "/changes/",
        list_changes,
        "List the caller's changes",
        description="Newest first, through whichever door they came. `before` takes `next_before` of the previous page.",
        query=ChangesQuery,
        answer=ChangesOut,
    ),
    Route(
        "GET",
        "/undo/",
        preview_undo,
        "Preview an undo",
        description="Decides as `POST /undo/` would, and changes nothing.",
        query=UndoQuery,
        answer=UndoPreviewOut,
        refusals=[404],
    ),
    Route(
        "POST",
        "/undo/",
        undo_change,
        "Undo a change",
        description="The last change that was not undone, or the one named. 409 if later changes touch the same part.",
        body=UndoIn,
        answer=UndoneOut,
        refusals=[404],
        examples={"last": {}, "named": {"change": 4711}},
    ),
]
