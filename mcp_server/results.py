"""Shapes of results: the contract's payloads made of the read models' JSON, bounded, with foreign content marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mcp_server.call import Result, ToolCall
from toolbox.bounding import LARGEST, cursor_of, paged, piece, size_of
from toolbox.foreign import FOREIGN

LARGEST_METADATA = 8_000
CUT = "This is a part of the text; go on with next_cursor."

_SUMMARY = ("id", "uuid", "title", "description", "is_public", "editor_mode", "note_type", "course_id")
_EVENT = ("id", "title", "event_date", "starts_at", "ends_at", "difficulty_weight", "description", "course_id", "is_completed")


def offset(moment: str | None) -> str | None:
    """The time with +00:00 instead of Z."""
    return moment[:-1] + "+00:00" if moment and moment.endswith("Z") else moment


def local(call: ToolCall, moment: str | None) -> str | None:
    """The same moment on the account's clock."""
    if moment is None:
        return None
    try:
        return datetime.fromisoformat(moment).astimezone(call.assistant.zone).isoformat()
    except (ValueError, OverflowError):
        return None


def written_by(call: ToolCall, author: Mapping[str, Any] | None) -> Result:
    """Whose words these are. Marks the result as holding foreign content when they are not the account's."""
    if author is not None and author.get("id") == call.account_id:
        return {"origin": "own"}
    if FOREIGN not in call.notices:
        call.notices.append(FOREIGN)
    return {"origin": "other_user"} | ({"author": author["username"]} if author else {})


def summary(call: ToolCall, item: Mapping[str, Any]) -> Result:
    """A NoteSummary of a note of the read models."""
    shown = {name: item[name] for name in _SUMMARY}
    shown["description"] = shown["description"] or ""
    shown["last_edit"], shown["date_created"] = offset(item["last_edit"]), offset(item["date_created"])
    shown |= written_by(call, item["author"])
    shown["last_edit_local"] = local(call, shown["last_edit"])
    shown["version"] = shown["last_edit"]
    return shown


def detail(call: ToolCall, note: Mapping[str, Any]) -> Result:
    """A NoteDetail; of a long text the piece that the cursor asks for."""
    shown = summary(call, note)
    content, more = piece(note["content"], cursor_of(call.arguments))
    metadata = note["metadata_json"] or ""
    if size_of(metadata) > LARGEST_METADATA:
        metadata = ""
        call.notices.append("metadata_json is too long to be shown.")
    blocks = [
        {"id": block["id"], "block_type": block["block_type"], "text": block["text"], "args": block["args"] or ""}
        for block in note["blocks"]
    ]
    shown |= {"content": content, "metadata_json": metadata, "blocks": [], **more}
    if more or size_of(shown) + size_of(blocks) > LARGEST:
        if blocks:
            call.notices.append(CUT if more else "blocks are left out, since they repeat a long text.")
    else:
        shown["blocks"] = blocks
    return shown


def course(call: ToolCall, item: Mapping[str, Any]) -> Result:
    """A Course."""
    shown = {name: item[name] for name in ("id", "title", "slug", "description", "icon", "is_default")}
    shown["description"] = shown["description"] or ""
    shown |= {"version": offset(item["last_edit"]), "is_subscribed": item["is_subscribed"]}
    shown["origin"] = written_by(call, item["owner"])["origin"]
    return shown


def event(call: ToolCall, item: Mapping[str, Any]) -> Result:
    """An Event."""
    shown = {name: item[name] for name in _EVENT}
    shown["description"] = shown["description"] or ""
    shown["completed_at"] = item.get("completed_at")
    shown |= localized(call, item)
    shown["version"] = offset(item["last_edit"])
    return shown


def localized(call: ToolCall, item: Mapping[str, Any]) -> Result:
    """Start and end on the account's clock."""
    return {"starts_at_local": local(call, item["starts_at"]), "ends_at_local": local(call, item["ends_at"])}


def session(call: ToolCall, item: Mapping[str, Any]) -> Result:
    """A NoteSession."""
    shown = {**item, **localized(call, item)}
    shown["version"] = shown.pop("last_edit")
    return shown


def sliced(call: ToolCall, members: Result, name: str, items: Sequence[Any], shape: Any = None, limit: int | None = None) -> Result:
    """The members and as many of the items as fit, of those that the read models give all at once. shape: makes an item's payload.

    limit: how many are shown at most; items has one more when others come behind them.
    """
    start = cursor_of(call.arguments)
    end = len(items) if limit is None else start + limit
    rest = items[start:end]
    return paged(members, name, [shape(call, item) for item in rest] if shape else rest, start=start, more=len(items) > end)
