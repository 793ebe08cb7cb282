"""What was changed, and taking it back."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from commands.errors import NotFound
from commands.handling import Work
from commands.inverses import INVERSES
from commands.lookups import Lookups
from commands.undo import Undone, publishes, undo
from mcp_server.call import Result, ToolCall, serves
from mcp_server.refusals import ToolRefusal
from mcp_server.results import local, offset
from mcp_server.tools.notes import require_sharing
from projections.changes.queries import Change, about_changes, change_objects, read_change, read_changes
from projections.reading import Query
from toolbox.bounding import cursor_of
from toolbox.history import (
    NO_CHANGE_ID,
    NOTHING_LATELY,
    NOTHING_OWN,
    PAGE,
    PAGES_LOOKED_AT,
    is_change_id,
    is_own_change,
    page_of_changes,
)

T = TypeVar("T")


@serves("list_changes")
async def list_changes(call: ToolCall) -> Result:
    """The account's changes, through whichever door."""
    limit = call.get("limit", 20)
    found, following = await _changes(call, cursor_of(call.arguments) or None, limit)
    return page_of_changes({}, "changes", [_shown(call, change) for change in found], more=following is not None)


@serves("undo_last_change")
async def undo_last_change(call: ToolCall) -> Result:
    """Without an id the latest change that was made with this key; what the user did is never taken back unasked."""
    wanted = call.get("change_id")
    if wanted is None:
        change = await _last_own(call)
    elif not is_change_id(wanted):
        raise ToolRefusal(NO_CHANGE_ID)
    else:
        change = await _named(call, int(wanted))

    def decide(work: Work[Lookups]) -> Undone:
        undone = undo(work, call.account_id, change["id"], INVERSES)
        require_sharing(call, wanted=publishes(work))
        return undone

    answer = {"change_id": str(change["id"]), "what": change["summary"]}
    if call.dry_run:
        await call.foresee(decide)
        return {"undone": False, "dry_run": True, **answer}
    await call.run(decide)
    return {"undone": True, **answer}


async def _named(call: ToolCall, change_id: int) -> dict[str, Any]:
    change = await _read(call, read_change(change_id))
    if change is None:
        raise NotFound("Change")
    return (await _told(call, [change]))[0]


async def _last_own(call: ToolCall) -> dict[str, Any]:
    before: int | None = None
    for _ in range(PAGES_LOOKED_AT):
        found, before = await _changes(call, before, PAGE)
        for change in found:
            if is_own_change(change, call.assistant.key_prefix):
                return change
        if before is None:
            raise ToolRefusal(NOTHING_OWN)
    raise ToolRefusal(NOTHING_LATELY)


async def _changes(call: ToolCall, before: int | None, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    """A page, and where the next one begins."""
    found, more = await _read(call, read_changes(before))
    page = found[:limit]
    if not page:
        return [], None
    return await _told(call, page), page[-1].first_position if more or len(found) > limit else None


async def _told(call: ToolCall, changes: list[Change]) -> list[dict[str, Any]]:
    return change_objects(changes, await call.ask(about_changes(changes)), INVERSES)


async def _read(call: ToolCall, reading: Generator[Query, Any, T]) -> T:
    query = next(reading)
    while True:
        try:
            query = reading.send(await call.ask(query))
        except StopIteration as read:
            return read.value  # type: ignore[no-any-return]


def _shown(call: ToolCall, change: dict[str, Any]) -> Result:
    at = offset(change["at"])
    first = change["items"][0] if change["items"] else None
    return {
        "id": str(change["id"]),
        "at": at,
        "at_local": local(call, at),
        "what": change["summary"],
        "channel": change["channel"],
        "client": change["client"] or "",
        "key": change["key"] or "",
        "can_undo": change["can_undo"],
        "undone": change["undone"],
    } | ({"thing": first["kind"], "thing_id": first["id"]} if first else {})
