"""The recycle bin, and the files of notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from commands.attachments.commands import delete_attachment as decide_deletion
from commands.attachments.commands import restore_attachment
from commands.calendars.feeds import restore_calendar_feed
from commands.courses.bin import restore_course
from commands.errors import NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.bin import empty_bin, restore_note
from commands.planner.events import restore_planner_event
from mcp_server.call import Result, ToolCall, serves
from mcp_server.refusals import ToolRefusal
from mcp_server.results import detail, local, offset, sliced
from projections.attachments.queries import get_attachment
from projections.attachments.queries import list_attachments as ask_attachments
from projections.notes.queries import get_note as ask_note
from projections.notes.queries import list_deleted_notes as ask_deleted_notes
from projections.recycle_bin import list_recycle_bin as ask_recycle_bin
from toolbox.bounding import paged
from toolbox.history import of_kind


@serves("list_attachments")
async def list_attachments(call: ToolCall) -> Result:
    """Of own notes."""
    _, can_edit, _, _ = await call.ask(ask_note(call["note_id"]))
    if not can_edit:
        raise NotFound("Note")
    files = await call.read(ask_attachments(call["note_id"]), 2)
    shown = [
        {
            "id": file["id"],
            "original_filename": file["original_filename"],
            "file_size": file["file_size"],
            "content_type": file["content_type"],
            "date_created": offset(file["date_created"]),
        }
        for file in files
    ]
    return sliced(call, {"note_id": call["note_id"]}, "attachments", shown)


@serves("delete_attachment")
async def delete_attachment(call: ToolCall) -> Result:
    """It lies in the recycle bin until that is emptied."""
    note_id, attachment_id = call["note_id"], call["attachment_id"]
    if call.dry_run:
        _, can_edit, _, _ = await call.ask(ask_note(note_id))
        file = await call.read(get_attachment(note_id, attachment_id), 2) if can_edit else None
        if file is None:
            raise NotFound("NoteAttachment" if can_edit else "Note")
        await call.preview(lambda work: decide_deletion(work, call.account_id, note_id, attachment_id))
        return {"deleted": False, "dry_run": True, "attachment_id": attachment_id, "title": file["original_filename"]}

    await call.run(lambda work: decide_deletion(work, call.account_id, note_id, attachment_id))
    return {"deleted": True, "attachment_id": attachment_id}


@serves("list_deleted_notes")
async def list_deleted_notes(call: ToolCall) -> Result:
    """The latest deletion first."""
    shown = [
        {
            "id": note["id"],
            "title": note["title"],
            "description": note["description"] or "",
            "course_id": note["course_id"],
            "deleted_at": offset(note["deleted_at"]),
            "deleted_at_local": local(call, note["deleted_at"]),
            "version": offset(note["last_edit"]),
        }
        for note in await call.read(ask_deleted_notes())
    ]
    return sliced(call, latest_deletion(shown), "deleted_notes", shown)


def latest_deletion(found: Sequence[Result]) -> Result:
    """The version of the bin: nothing was deleted after this moment."""
    return {"version": found[0]["deleted_at"]} if found else {}


@serves("restore_deleted_note")
async def restore_deleted_note(call: ToolCall) -> Result:
    """Private, with all it had."""
    note_id = call["note_id"]
    _, row = await call.run(lambda work: restore_note(work, call.account_id, note_id), answer=lambda _: ask_note(note_id))
    return detail(call, call.parsed(row[2]))


RESTORING: Mapping[str, Callable[[Work[Lookups], int, int], Any]] = {
    "note": restore_note,
    "course": restore_course,
    "attachment": restore_attachment,
    "calendar": lambda work, _, feed_id: restore_calendar_feed(work, feed_id),
    "event": lambda work, _, event_id: restore_planner_event(work, event_id),
}
"""Decisions, from the account and the id."""
NOT_IN_BIN = "There is no such {} in the recycle bin. list_recycle_bin lists what is there, with kinds and ids."


@serves("list_recycle_bin")
async def list_recycle_bin(call: ToolCall) -> Result:
    """Of every kind, the latest deletion first."""
    found = of_kind(await call.read(ask_recycle_bin()), call.arguments)
    return sliced(call, {}, "entries", [{**entry, "deleted_at_local": local(call, entry["deleted_at"])} for entry in found])


@serves("restore_deleted")
async def restore_deleted(call: ToolCall) -> Result:
    """With all it had."""
    kind, number = call["kind"], call["id"]
    titles = {entry["id"]: entry["title"] for entry in of_kind(await call.read(ask_recycle_bin()), call.arguments)}
    try:
        await call.run(lambda work: RESTORING[kind](work, call.account_id, number))
    except NotFound:
        raise ToolRefusal(NOT_IN_BIN.format(kind)) from None
    return {"restored": True, "kind": kind, "id": number, "title": titles.get(number, "")}


@serves("empty_recycle_bin")
async def empty_recycle_bin(call: ToolCall) -> Result:
    """For good."""
    if call.dry_run:
        found = await call.read(ask_deleted_notes())
        members = {"deleted_count": 0, "dry_run": True, "would_delete": len(found), **latest_deletion(found)}
        return paged(members, "titles", [note["title"] for note in found], continued=False)
    count, _ = await call.run(lambda work: empty_bin(work, call.account_id))
    return {"deleted_count": count}
