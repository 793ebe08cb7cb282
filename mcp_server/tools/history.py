"""Versions of notes: keeping, comparing, going back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commands.errors import NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.versions import restore_version, take_snapshot
from eventstore.iso8601 import read_instant
from eventstore.version_ids import stream_version, version_id
from mcp_server.call import Result, ToolCall, serves
from mcp_server.refusals import ToolRefusal
from mcp_server.results import detail, offset
from mcp_server.tools.notes import own
from projections.notes import past
from projections.notes.differences import unified_diff
from projections.notes.queries import get_note as ask_note
from projections.reading import newest_version
from projections.wire import offset_time
from toolbox.bounding import cursor_at, cursor_of, piece
from toolbox.history import VERSIONS_LISTED


@serves("list_note_versions")
async def list_note_versions(call: ToolCall) -> Result:
    """Twelve at a time."""
    note_id, before = call["note_id"], cursor_of(call.arguments) or None
    entries = await _entries(call, past.list_versions(note_id, VERSIONS_LISTED + 1, before, edits=False))
    shown = entries[:VERSIONS_LISTED]
    states = await _states(call, note_id, [entry.version for entry in shown])
    versions = [
        {
            "id": version_id(note_id, entry.version),
            "title": states[entry.version].title,
            "reason": entry.reason,
            "date_created": offset_time(entry.at),
        }
        for entry in shown
        if entry.version in states
    ]
    more = {"truncated": True, "next_cursor": cursor_at(shown[-1].version)} if len(entries) > VERSIONS_LISTED else {}
    return {"note_id": note_id, "versions": versions, **more}


@serves("snapshot_note")
async def snapshot_note(call: ToolCall) -> Result:
    """A place in the history for the present state."""
    note_id = call["note_id"]
    reason = call.get("reason", "").strip() or "mcp"

    taken, _ = await call.run(lambda work: take_snapshot(work, call.account_id, note_id, reason))
    return {"version_id": version_id(note_id, taken.version), "date_created": offset_time(taken.at)}


@serves("restore_note_version")
async def restore_note_version(call: ToolCall) -> Result:
    """What the note is now is kept as a version."""
    note_id, version_id = call["note_id"], call["version_id"]

    def decide(work: Work[Lookups]) -> None:
        restore_version(work, call.account_id, note_id, version_id, kept_as="before_restore_mcp")

    if call.dry_run:
        note = await own(call)
        await call.preview(decide)
        state = await _state(call, note_id, stream_version(note_id, version_id))
        # The version is what may be sent back as the one that was seen: the note's present one.
        return {**detail(call, {**note, **await _members(call, state), "last_edit": note["last_edit"]}), "dry_run": True}
    _, row = await call.run(decide, answer=lambda _: ask_note(note_id))
    return detail(call, call.parsed(row[2]))


@serves("diff_note_versions")
async def diff_note_versions(call: ToolCall) -> Result:
    """A unified diff, in pieces when it is long."""
    note_id = call["note_id"]
    note = await own(call)
    old = await _state(call, note_id, stream_version(note_id, call["from_version"]))
    new_id = call.get("to_version")
    new_text = note["content"] if new_id is None else (await _state(call, note_id, stream_version(note_id, new_id))).content
    names = f"version {call['from_version']}", "now" if new_id is None else f"version {new_id}"
    unified = await call.in_thread(lambda: unified_diff(old.content, new_text, *names))
    diff, more = piece(unified, cursor_of(call.arguments))
    return {"note_id": note_id, "diff": diff, **more}


@serves("read_note_at")
async def read_note_at(call: ToolCall) -> Result:
    """By the times in the log."""
    note = await own(call)
    moment = read_instant(call["at"].strip())
    if moment is None:
        raise ToolRefusal("at: this is no time. Write date and time with offset, such as 2031-05-06T14:00:00+02:00.")
    (version,) = await call.ask(past.last_version_at(call["note_id"], moment))
    if not version:
        raise ToolRefusal(f"at: the note did not exist then. It was made at {offset(note['date_created'])}.")
    return detail(call, {**note, **await _members(call, await _state(call, call["note_id"], version))})


async def note_state(call: ToolCall, note_id: int, version_id: int) -> past.Past:
    """An own note at a version."""
    await _entries(call, past.list_versions(note_id, 1, None, edits=False))
    return await _state(call, note_id, stream_version(note_id, version_id))


async def _members(call: ToolCall, state: past.Past) -> Result:
    """In a thread: a long text takes a while to be read as blocks."""
    return await call.in_thread(lambda: past.past_members(state))


async def _entries(call: ToolCall, query: Any) -> Sequence[past.Entry]:
    row = await call.ask(query)
    if not row[1]:
        raise NotFound("Note")
    return past.entries(row)


async def _states(call: ToolCall, note_id: int, versions: Sequence[int]) -> Any:
    if not versions:
        return {}
    row = await call.ask(past.replay(note_id, versions))
    return await call.in_thread(lambda: past.states(note_id, versions, row))


async def _state(call: ToolCall, note_id: int, version: int | None) -> past.Past:
    newest = (await call.ask(newest_version(f"note-{note_id}")))[0] or 0
    if version is None or version > newest:
        raise NotFound("NoteVersion")
    found = (await _states(call, note_id, [version])).get(version)
    if found is None:
        raise NotFound("NoteVersion")
    state: past.Past = found
    return state
