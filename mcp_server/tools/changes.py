"""What was changed, and taking it back."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from commands.handling import Work
from commands.inverses import INVERSES
from commands.lookups import Lookups
from commands.undo import Undone, publishes, undo
from mcp_server.call import Result, ToolCall, serves
from mcp_server.refusals import ToolRefusal
from mcp_server.results import local, offset
from projections.changes.queries import Change, about_changes, change_objects, read_change, read_changes
from projections.reading import Query
from toolbox.bounding import cursor_of
from toolbox.history import NO_CHANGE_ID, is_change_id, page_of_changes
from toolbox.sharing import UNDOING_SHARES

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
    if wanted is not None and not is_change_id(wanted):
        raise ToolRefusal(NO_CHANGE_ID)

    def decide(work: Work[Lookups]) -> Undone:
        undone = undo(work, call.account_id, None if wanted is None else int(wanted), INVERSES, call.assistant.key_prefix)
        if publishes(work) and not call.assistant.may_share:
            raise ToolRefusal(UNDOING_SHARES)
        return undone

    # Told before it is taken back, since things may have other titles then.
    previewed = await call.preview(decide)
    answer = await _told_of(call, previewed)
    if call.dry_run:
        return {"undone": False, "dry_run": True, **answer}
    undone, _ = await call.run(decide)
    if undone != previewed:
        # Others were faster, and an older change was the last one then.
        answer = await _told_of(call, undone)
    return {"undone": True, **answer}


async def _told_of(call: ToolCall, undone: Undone) -> Result:
    change = await _read(call, read_change(undone.change_id))
    told = await _told(call, [change]) if change is not None else []
    return {"change_id": str(undone.change_id), "what": told[0]["summary"] if told else ""}


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
