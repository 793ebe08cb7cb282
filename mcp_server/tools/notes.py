"""Notes: finding, reading, writing."""

from __future__ import annotations

from typing import Any

from commands.errors import NotFound
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.access import own_note, require_state
from commands.notes.aggregate import Note
from commands.notes.bin import delete_note as decide_deletion
from commands.notes.commands import UNTITLED, ChangeNote, CreateNote, Saved
from commands.notes.commands import change_note as decide_change
from commands.notes.commands import create_note as decide_creation
from mcp_server.call import Result, ToolCall, serves
from mcp_server.refusals import ToolRefusal
from mcp_server.results import detail, offset, sliced, summary
from projections.notes.matching import find_notes
from projections.notes.queries import get_note as ask_note
from projections.notes.queries import get_note_by_uuid as ask_note_by_uuid
from toolbox.bounding import cursor_of, paged, piece, shortened
from toolbox.markdown import Passage, edited
from toolbox.notes import MOST_FOUND, known_uuid, outline_of, section_of
from toolbox.sharing import SHARING_OFF


@serves("list_notes")
async def list_notes(call: ToolCall) -> Result:
    """Filtered and counted by the database."""
    limit, start = call.get("limit", 50), cursor_of(call.arguments) or call.get("offset", 0)
    found, total, more = await call.ask(find_notes(call.get("query") or None, limit, start, course_id=call.get("course_id")))
    shown = [summary(call, item) for item in call.parsed(found)]
    members = {"total": total, "offset": start, "limit": limit}
    return paged(members, "notes", shown, start=start, more=more)


@serves("search_notes")
async def search_notes(call: ToolCall) -> Result:
    """Nothing to look for is no error in the protocol's sense, which old clients rely on."""
    query = call["query"].strip()
    if not query:
        return {"error": "query is required"}
    start = cursor_of(call.arguments)
    everybody = call.get("scope") == "all"
    found, _, more = await call.ask(find_notes(query, MOST_FOUND, start, everybody=everybody, most=start + MOST_FOUND + 1))
    shown = [summary(call, item) for item in call.parsed(found)]
    members = {"query": query, "count": len(shown)}
    result = paged(members, "notes", shown, start=start, more=more)
    return {**result, "count": len(result["notes"])}


@serves("get_note")
async def get_note(call: ToolCall) -> Result:
    """Own ones only, also when another one is public."""
    return detail(call, await own(call))


@serves("get_note_by_uuid")
async def get_note_by_uuid(call: ToolCall) -> Result:
    """Own ones and public ones; that a private one exists is not told."""
    readable, _, note, _ = await call.ask(ask_note_by_uuid(known_uuid(call["uuid"])))
    if not readable:
        raise NotFound("Note")
    return detail(call, call.parsed(note))


@serves("get_note_outline")
async def get_note_outline(call: ToolCall) -> Result:
    """The headings that fit."""
    note = await own(call)
    outline = await call.in_thread(lambda: outline_of(note))
    found = outline.pop("headings")
    return sliced(call, {**outline, "version": offset(note["last_edit"])}, "headings", found)


@serves("get_note_section")
async def get_note_section(call: ToolCall) -> Result:
    """One section, in pieces when it is long."""
    note = await own(call)
    found = await call.in_thread(lambda: section_of(note["content"], call.arguments))
    content, more = piece(found["content"], cursor_of(call.arguments))
    shown = {"note_id": note["id"], "title": note["title"], **found, "content": content, "version": offset(note["last_edit"]), **more}
    return shortened(shown, spared="content")


@serves("create_note")
async def create_note(call: ToolCall) -> Result:
    """The same command as the apps'."""
    require_sharing(call, wanted=call.get("is_public", False))
    course_id = call.get("course_id") or None
    fields: dict[str, Any] = call.given("content", "description", "is_public", "editor_mode")
    title = call.title if "title" in call.arguments else UNTITLED
    command = CreateNote(title=title, course_id=course_id, **fields)

    def decide(work: Work[Lookups]) -> Saved:
        require_course(call, work, course_id)
        return decide_creation(work, call.account_id, command)

    _, row = await call.run(decide, answer=lambda saved: ask_note(saved.note_id))
    return detail(call, call.parsed(row[2]))


@serves("update_note")
async def update_note(call: ToolCall) -> Result:
    """The named fields; null as the course is the Inbox."""
    changes: dict[str, Any] = call.given("content", "description", "is_public", "editor_mode")
    if "title" in call.arguments:
        changes["title"] = call.title
    if "course_id" in call.arguments:
        changes["course_id"] = call["course_id"] or None
    return await save(call, lambda _: ChangeNote(**changes))


@serves("patch_note")
async def patch_note(call: ToolCall) -> Result:
    """Decided on the text that is there at that moment, so that no other change is lost."""
    passage = Passage.of(call.arguments)
    if call.dry_run:
        note = await own(call)
        content = await call.preview(lambda work: edited(seen(call, work).content, passage))
        return {**detail(call, {**note, "content": content, "blocks": []}), "dry_run": True}
    return await save(call, lambda note: ChangeNote(content=edited(note.content, passage)))


@serves("delete_note")
async def delete_note(call: ToolCall) -> Result:
    """Into the recycle bin."""
    if call.dry_run:
        note = await own(call)
        await call.preview(lambda work: decide_deletion(work, call.account_id, call["note_id"]))
        return {"deleted": False, "dry_run": True, "note_id": note["id"], "title": note["title"]}
    await call.run(lambda work: decide_deletion(work, call.account_id, call["note_id"]))
    return {"deleted": True, "note_id": call["note_id"]}


async def own(call: ToolCall) -> dict[str, Any]:
    """The note that the call names, if the account wrote it."""
    _, can_edit, note, _ = await call.ask(ask_note(call["note_id"]))
    if not can_edit:
        raise NotFound("Note")
    found: dict[str, Any] = call.parsed(note)
    return found


def seen(call: ToolCall, work: Work[Lookups]) -> Note:
    """The own note, in the version that the assistant expects."""
    note = own_note(work, call.account_id, call["note_id"], "update this note")
    require_state(work, note)
    return note


async def save(call: ToolCall, make: Any) -> Result:
    """Carries out the change that is made of the note, and answers with what it came to."""

    def decide(work: Work[Lookups]) -> Saved:
        note = own_note(work, call.account_id, call["note_id"], "update this note")
        command: ChangeNote = make(note)
        if "course_id" in command.model_fields_set:
            require_course(call, work, command.course_id)
        require_sharing(call, wanted=command.is_public and not note.is_public)
        return decide_change(work, call.account_id, call["note_id"], command)

    _, row = await call.run(decide, answer=lambda saved: ask_note(saved.note_id))
    return detail(call, call.parsed(row[2]))


def require_course(call: ToolCall, work: Work[Lookups], course_id: int | None) -> None:
    """Refuses a course in which the account cannot file notes; the apps' saves go to the Inbox instead."""
    if course_id is not None and work.lookups.course_for_notes(call.account_id, course_id) != course_id:
        raise NotFound("Course")


def require_sharing(call: ToolCall, *, wanted: bool) -> None:
    """Refuses to publish unless the account allows it to assistants."""
    if wanted and not call.assistant.may_share:
        raise ToolRefusal(SHARING_OFF)
