"""Tools about versions of notes, the recycle bin, attachments, and what was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolbox.bounding import cursor_at, cursor_of, page_of, paged
from toolbox.markdown import NotApplicable
from toolbox.notes import NOTE, NOTE_ID, own
from toolbox.schemas import (
    BOOLEAN,
    COURSE_ID,
    ID,
    NOTE_DETAIL,
    NOTICE,
    PAGED,
    TEXT,
    TIME,
    list_of,
    nullable,
    number_of,
    one_of,
    record,
    text,
    whole,
)
from toolbox.schemas import VERSION as STATE
from toolbox.sharing import UNDOING_SHARES, require_sharing
from toolbox.tool import (
    CURSOR,
    DRY_RUN,
    EXPECTED_VERSION,
    PLACE,
    Arguments,
    Exchange,
    Request,
    Tool,
    deleted,
    expected_version,
    expecting,
    require_seen,
    rest,
)

VERSION = record({"id": ID, "title": TEXT, "reason": TEXT, "date_created": TIME})
ATTACHMENT = record({"id": ID, "original_filename": TEXT, "file_size": ID, "content_type": TEXT, "date_created": TIME})
VERSIONS_LISTED = 12
FILE = "notes/{note_id}/attachments/{attachment_id}/"
FILE_VERSION = expected_version("The `date_created` that list_attachments shows")
DELETED_NOTE = record(
    {"id": ID, "title": TEXT, "description": TEXT, "course_id": COURSE_ID, "deleted_at": TIME},
    {"deleted_at_local": nullable(TEXT), "version": STATE},
)
KIND = one_of("note", "course", "attachment", "calendar", "event")
DELETED = record({"kind": KIND, "id": ID, "title": TEXT, "deleted_at": TIME}, {"deleted_at_local": nullable(TEXT)})
CHANGE = record(
    {"id": TEXT, "at": TIME, "what": TEXT, "channel": TEXT},
    {"at_local": nullable(TEXT), "client": TEXT, "thing": TEXT, "thing_id": ID, "can_undo": BOOLEAN},
)


def take_snapshot(arguments: Arguments) -> Exchange:
    """The body is empty unless a reason is given."""
    body = {"reason": arguments["reason"]} if arguments.get("reason") else {}
    answer = yield Request("POST", f"notes/{arguments['note_id']}/snapshot/", body=body, headers=expecting(arguments))
    return answer


def list_files(arguments: Arguments) -> Exchange:
    """Of own notes."""
    yield from own(arguments)
    answer = yield from rest("GET", "notes/{note_id}/attachments/")(arguments)
    return answer


def own_file(arguments: Arguments) -> Exchange:
    """A file of an own note."""
    yield from own(arguments)
    answer = yield from rest("GET", FILE)(arguments)
    return answer


def go_back(arguments: Arguments) -> Exchange:
    """A dry run shows the version, with what the note itself has to have for its state to be the one that was seen."""
    if arguments.get("dry_run"):
        note = yield from own(arguments)
        require_seen(note, arguments)
        version = yield Request("GET", "notes/{note_id}/history/{version_id}/".format_map(arguments))
        return {**version, "last_edit": note["last_edit"], "version": note["version"], "dry_run": True}
    answer = yield from rest("POST", "notes/{note_id}/restore/{version_id}/")(arguments)
    return answer


def list_versions(arguments: Arguments) -> Exchange:
    """One more than is shown tells whether others come; the cursor is the last one's version."""
    before = cursor_of(arguments)
    asked = {"limit": VERSIONS_LISTED + 1} | ({"before": before} if before else {})
    found = yield Request("GET", f"{NOTE.format_map(arguments)}history/", asked)
    page = page_of(found[:VERSIONS_LISTED], before, more=len(found) > VERSIONS_LISTED)
    if isinstance(page, dict) and "next_cursor" in page:
        page["next_cursor"] = cursor_at(page["results"][-1]["version"])
    return page


def compare(arguments: Arguments) -> Exchange:
    """Without a later version, the newest state of the note is the later one."""
    path = NOTE.format_map(arguments)
    later = arguments.get("to_version")
    if later is None:
        newest = yield Request("GET", f"{path}history/", {"limit": 1, "include": "edits"})
        later = newest[0]["id"] if newest else arguments["from_version"]
    answer = yield Request("GET", f"{path}history/{arguments['from_version']}/diff/{later}/")
    return answer


def list_page(arguments: Arguments) -> Exchange:
    """The latest changes, or those before the cursor's."""
    before = cursor_of(arguments)
    page = yield Request("GET", "changes/", {"limit": arguments.get("limit", 20)} | ({"before": before} if before else {}))
    return page_of_changes({**page, "results": []}, "results", page["results"], more=page["has_more"])


def page_of_changes(members: Mapping[str, Any], name: str, changes: Sequence[Mapping[str, Any]], *, more: bool) -> dict[str, Any]:
    """The members and as many of the changes as fit; the cursor is the last one's id."""
    page = paged(members, name, changes, more=more)
    return {**page, "next_cursor": cursor_at(int(page[name][-1]["id"]))} if "truncated" in page and page[name] else page


NO_CHANGE_ID = "change_id: this is no id of a change. list_changes lists the changes with their ids."


def undo(arguments: Arguments) -> Exchange:
    """Without an id the latest change that was made with this key; what the user did is never taken back unasked."""
    wanted = arguments.get("change_id")
    if wanted is not None and not is_change_id(wanted):
        raise NotApplicable(NO_CHANGE_ID)
    if wanted is None:
        settings = yield Request("GET", "settings/")
        asked = {"key": settings["api_key_prefix"]}
    else:
        asked = {"change": wanted}
    preview = yield Request("GET", "undo/", asked)
    if preview["publishes"]:
        yield from require_sharing(UNDOING_SHARES)
    told = {"change_id": str(preview["change"]), "what": preview["summary"]}
    if arguments.get("dry_run"):
        return {"dry_run": True, "undone": False, **told}
    answer = yield Request("POST", "undo/", body={"change": preview["change"]})
    return {**answer, **told}


def is_change_id(text: str) -> bool:
    """Whether a change can have this id."""
    return text.isascii() and text.isdigit() and len(text) < 19


def of_kind(entries: Sequence[Mapping[str, Any]], arguments: Arguments) -> list[Mapping[str, Any]]:
    """Those entries of the recycle bin that are asked for."""
    return [entry for entry in entries if arguments.get("kind") in (None, entry["kind"])]


def _emptied(answer: Any, _: Arguments) -> Any:
    return answer or {"emptied": True}


TOOLS = (
    Tool(
        name="list_note_versions",
        title="List a note's versions",
        description="The twelve newest kept versions of one of your notes. More come with the cursor.",
        properties={**NOTE_ID, **CURSOR},
        required=("note_id",),
        answer=record({"note_id": ID, "versions": list_of(VERSION)}, PAGED),
        rest=list_versions,
        reads=True,
        grows="",
    ),
    Tool(
        name="snapshot_note",
        title="Keep a version of a note",
        description="Keeps the present state of one of your notes as a version, so that it can be restored.",
        properties={**NOTE_ID, "reason": text("Why; cut at 32 characters.", default="mcp"), **EXPECTED_VERSION},
        required=("note_id",),
        answer=record({"version_id": ID, "date_created": TIME}),
        rest=take_snapshot,
    ),
    Tool(
        name="restore_note_version",
        title="Restore a version of a note",
        description="Restores one of your notes to an earlier version. Its present state is kept as a version first.",
        properties={
            **NOTE_ID,
            "version_id": whole("Id of the version, from list_note_versions.", minimum=1),
            **EXPECTED_VERSION,
            **DRY_RUN,
        },
        required=("note_id", "version_id"),
        answer=NOTE_DETAIL,
        rest=go_back,
        grows="content",
    ),
    Tool(
        name="diff_note_versions",
        title="Compare two versions of a note",
        description="What changed between two versions of one of your notes, line by line. Without `to_version`: up to now.",
        properties={
            **NOTE_ID,
            "from_version": whole("Id of the earlier version.", minimum=1),
            "to_version": whole("Id of the later version.", minimum=1),
            **CURSOR,
        },
        required=("note_id", "from_version"),
        answer=record({"note_id": ID, "diff": TEXT}, PAGED),
        rest=compare,
        reads=True,
        grows="unified",
    ),
    Tool(
        name="read_note_at",
        title="Read a note as it was",
        description="One of your notes as it was at a moment, whether or not a version was kept then.",
        properties={**NOTE_ID, "at": text("The moment: ISO 8601 with offset.", max_length=64), **CURSOR},
        required=("note_id", "at"),
        answer=NOTE_DETAIL,
        rest=rest("GET", NOTE, query=("at",), names={"at": "as_of"}),
        reads=True,
        grows="content",
    ),
    Tool(
        name="list_attachments",
        title="List a note's files",
        description="The files of one of your notes, newest first.",
        properties={**NOTE_ID, **PLACE},
        required=("note_id",),
        answer=record({"note_id": ID, "attachments": list_of(ATTACHMENT)}, {**PAGED, **NOTICE}),
        rest=list_files,
        reads=True,
    ),
    Tool(
        name="delete_attachment",
        title="Delete a file of a note",
        description="Deletes a file of one of your notes.",
        properties={**NOTE_ID, "attachment_id": number_of("attachment"), **FILE_VERSION, **DRY_RUN},
        required=("note_id", "attachment_id"),
        answer=record({"deleted": BOOLEAN, "attachment_id": ID}, {"dry_run": BOOLEAN, "title": TEXT}),
        rest=rest("DELETE", FILE, reply=deleted("attachment_id")),
        destroys=True,
        subject=own_file,
    ),
    Tool(
        name="list_deleted_notes",
        title="List deleted notes",
        description="The notes in the recycle bin, most recently deleted first. list_recycle_bin lists everything that is in it.",
        properties=PLACE,
        answer=record({"deleted_notes": list_of(DELETED_NOTE)}, {**PAGED, "version": STATE}),
        rest=rest("GET", "notes/deleted/"),
        reads=True,
    ),
    Tool(
        name="restore_deleted_note",
        title="Take a note out of the recycle bin",
        description="Brings a deleted note back, private, with all it had.",
        properties={**NOTE_ID, **EXPECTED_VERSION},
        required=("note_id",),
        answer=NOTE_DETAIL,
        rest=rest("POST", "notes/{note_id}/restore/"),
        grows="content",
    ),
    Tool(
        name="list_recycle_bin",
        title="List the recycle bin",
        description=(
            "Everything of the account that was deleted and can come back, most recently deleted first: notes, courses, files of notes "
            "(attachment), calendar feeds (calendar) and plans (event)."
        ),
        properties={"kind": {**KIND, "description": "Only this kind."}, **PLACE},
        answer=record({"entries": list_of(DELETED)}, PAGED),
        rest=rest("GET", "recycle-bin/", reply=of_kind),
        reads=True,
    ),
    Tool(
        name="restore_deleted",
        title="Take something out of the recycle bin",
        description=(
            "Brings back what list_recycle_bin lists, with all it had. A course brings those of its notes along that nobody has moved "
            "since; a note comes back private; a file needs its note."
        ),
        properties={"kind": {**KIND, "description": "What it is."}, "id": number_of("deleted thing")},
        required=("kind", "id"),
        answer=record({"restored": BOOLEAN, "kind": KIND, "id": ID, "title": TEXT}),
        rest=rest("POST", "recycle-bin/{kind}/{id}/restore/"),
        grows="content",
    ),
    Tool(
        name="empty_recycle_bin",
        title="Empty the recycle bin",
        description="Deletes every note in the recycle bin for good. Nothing brings them back: ask the user first.",
        properties={**expected_version("The latest `deleted_at` in list_deleted_notes"), **DRY_RUN},
        answer=record({"deleted_count": ID}, {"dry_run": BOOLEAN, "would_delete": ID, "titles": list_of(TEXT), "version": STATE, **PAGED}),
        rest=rest("DELETE", "notes/deleted/empty/", reply=_emptied),
        destroys=True,
        subject="notes/deleted/",
        confirms="Delete everything in the recycle bin for good? This cannot be undone.",
    ),
    Tool(
        name="list_changes",
        title="List what was changed",
        description="The latest changes of the account, newest first: what, when, and who did it (a person, or which assistant).",
        properties={"limit": whole("How many.", minimum=1, maximum=100, default=20), **CURSOR},
        answer=record({"changes": list_of(CHANGE)}, PAGED),
        rest=list_page,
        reads=True,
        lenient=("limit",),
        grows="",
    ),
    Tool(
        name="undo_last_change",
        title="Take a change back",
        description=(
            "Takes back the latest change that you made through this connection's key, or the one that `change_id` names "
            "(from list_changes), and tells what it was. Note sessions, kept versions and an emptied bin are no changes, and changes of "
            "the profile cannot be taken back: they are stepped over, and an older change is taken back. `dry_run` tells which. Undoing "
            "is a change itself and can be undone."
        ),
        properties={"change_id": text("Id of the change, from list_changes.", max_length=64), **DRY_RUN},
        answer=record({"undone": BOOLEAN}, {"change_id": TEXT, "what": TEXT, "dry_run": BOOLEAN}),
        rest=undo,
        destroys=True,
    ),
)
