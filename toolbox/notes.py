"""Tools about notes: finding, reading, writing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from toolbox.bounding import cursor_of, page_of, paged
from toolbox.foreign import marked_notes, noticed
from toolbox.markdown import NotApplicable, Passage, edited, headings, section
from toolbox.schemas import (
    ID,
    LARGEST_ID,
    NOTE_DETAIL,
    NOTE_SUMMARY,
    NOTICE,
    PAGED,
    TEXT,
    list_of,
    nullable,
    number_of,
    one_of,
    record,
    text,
    whole,
    yes_or_no,
)
from toolbox.sharing import unless_published
from toolbox.tool import (
    CURSOR,
    DRY_RUN,
    EXPECTED_VERSION,
    PLACE,
    Arguments,
    Exchange,
    Request,
    Rest,
    Tool,
    deleted,
    expecting,
    require_seen,
    rest,
)

NOTE = "notes/{note_id}/"
MOST_FOUND = 50
NOTE_ID = {"note_id": number_of("note")}
TITLE = text("At most 100 characters.", max_length=100)
PUBLIC = "Whether everybody may read it. Needs the account's permission for assistants to share."
MARKDOWN = "The whole text, as markdown."
NOT_OWN = (
    "This note is not yours. list_notes and search_notes find ids of your notes; get_note_by_uuid reads a public one of somebody else."
)
NO_COURSE = "course_id: you can file nothing in this course. list_courses lists the courses; subscribe_course follows one."
MODE = one_of("G", "B", "P", description="How it is edited. G: graphical, B: blocks, P: plain text.")


PAGE = rest("GET", "notes/", query=("limit", "offset", "course_id", "query", "scope"), names={"query": "q"})


def list_page(arguments: Arguments) -> Exchange:
    """A page of the API's; the cursor is the place of its first note."""
    start = cursor_of(arguments) or arguments.get("offset", 0)
    page = yield from PAGE({"limit": 20, **arguments, "offset": start})
    shown = paged({**page, "results": []}, "results", page["results"], start=start, more=page["has_more"])
    return {**shown, "has_more": "truncated" in shown}


def search(arguments: Arguments) -> Exchange:
    """Those of everybody with whose they are. Nothing to look for is answered as over the endpoint, where REST would give all notes."""
    if not arguments["query"].strip():
        return {"error": "query is required"}
    start = cursor_of(arguments)
    page = yield from PAGE({"limit": MOST_FOUND, **arguments, "offset": start})
    notes = page["results"]
    if arguments.get("scope") == "all":
        notes = yield from marked_notes(notes)
    return page_of(notes, start, more=page["has_more"])


def read_by_uuid(arguments: Arguments) -> Exchange:
    """Whose it is goes along."""
    note = yield Request("GET", f"notes/uuid/{known_uuid(arguments['uuid'])}/")
    return noticed(note, own=note["can_edit"])


def known_uuid(text: str) -> str:
    """The uuid in its usual form. Raises NotApplicable."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        raise NotApplicable("uuid: this is no uuid. Take it from a note or a link.") from None


def own(arguments: Arguments) -> Exchange:
    """The note that the call names, if the account wrote it: REST shows public ones of other people as well. Raises NotApplicable."""
    note = yield Request("GET", NOTE.format_map(arguments))
    if not note["can_edit"]:
        raise NotApplicable(NOT_OWN)
    return note


def unless_misfiled(exchange: Rest) -> Rest:
    """The same exchange, which first looks for the course: REST files a note of an unknown or foreign one in the Inbox."""

    def guarded(arguments: Arguments) -> Exchange:
        if arguments.get("course_id"):
            course = yield Request("GET", "courses/{course_id}/".format_map(arguments))
            if not (course["is_owned"] or course["is_subscribed"] or course["owner"] is None):
                raise NotApplicable(NO_COURSE)
        answer = yield from exchange(arguments)
        return answer

    return guarded


def read_outline(arguments: Arguments) -> Exchange:
    """The outline, made of the note's text."""
    note = yield from own(arguments)
    return outline_of(note)


def read_section(arguments: Arguments) -> Exchange:
    """One section, cut out of the note's text."""
    note = yield from own(arguments)
    return {"note_id": note["id"], "title": note["title"], **section_of(note["content"], arguments)}


def patch(arguments: Arguments) -> Exchange:
    """Reads, edits, and writes back on the version that was read."""
    path, passage = NOTE.format_map(arguments), Passage.of(arguments)
    note = yield from own(arguments)
    require_seen(note, arguments)
    content = edited(note["content"], passage)
    if arguments.get("dry_run"):
        return {**note, "content": content, "dry_run": True}
    answer = yield Request("PATCH", path, body={"content": content}, headers=expecting({"expected_version": note["last_edit"]}))
    return answer


def outline_of(note: dict[str, Any]) -> dict[str, Any]:
    """What get_note_outline answers."""
    found = [
        {"index": h.index, "level": h.level, "heading": h.text, "line": h.line, "characters": h.length} for h in headings(note["content"])
    ]
    return {"note_id": note["id"], "title": note["title"], "characters": len(note["content"]), "headings": found}


def section_of(content: str, arguments: Arguments) -> dict[str, Any]:
    """The members of a section's answer that come from the text."""
    heading, body = section(content, arguments.get("heading"), arguments.get("index"))
    return {"index": heading.index, "level": heading.level, "heading": heading.text, "content": body}


TOOLS = (
    Tool(
        name="list_notes",
        title="List notes",
        description="Your notes without their texts, most recently edited first. Narrow down by course, or by a word in title or text.",
        properties={
            "course_id": nullable(number_of("course")),
            "query": text("A piece of the title or the text; case does not matter.", max_length=500),
            "limit": whole("How many.", minimum=1, maximum=100, default=50),
            "offset": whole("How many to skip.", minimum=0, maximum=10_000_000, default=0),
            **PLACE,
        },
        answer=record({"total": ID, "offset": ID, "limit": ID, "notes": list_of(NOTE_SUMMARY)}, {**PAGED, **NOTICE}),
        rest=list_page,
        reads=True,
        lenient=("limit", "offset"),
        aliases={"q": "query"},
        grows="",
    ),
    Tool(
        name="get_note",
        title="Read a note",
        description="One of your notes with its text. If it is long: use the cursor, or get_note_outline and get_note_section.",
        properties={**NOTE_ID, **CURSOR},
        required=("note_id",),
        answer=NOTE_DETAIL,
        rest=own,
        reads=True,
        grows="content",
    ),
    Tool(
        name="create_note",
        title="Write a new note",
        description="Creates a note. Without a course it goes to the Inbox. Search first, so that nothing is written twice.",
        properties={
            "title": TITLE,
            "content": text(MARKDOWN, default=""),
            "description": text("A line for lists.", max_length=600, default=""),
            "course_id": nullable(whole("Id of one of your courses; null or 0 is the Inbox.", minimum=0, maximum=LARGEST_ID)),
            "is_public": yes_or_no(PUBLIC, default=False),
            "editor_mode": MODE,
        },
        answer=NOTE_DETAIL,
        rest=unless_published(unless_misfiled(lambda arguments: rest("POST", "notes/")({"title": "Untitled", **arguments}))),
        lenient=("editor_mode",),
        grows="content",
    ),
    Tool(
        name="update_note",
        title="Change a note",
        description=(
            "Changes the given fields of one of your notes. `content` replaces the whole text: to change a part use patch_note. "
            "`course_id` null files it in the Inbox."
        ),
        properties={
            **NOTE_ID,
            "title": TITLE,
            "content": text(MARKDOWN),
            "description": text(max_length=600),
            "is_public": yes_or_no(PUBLIC),
            "course_id": nullable(whole("Id of one of your courses; null is the Inbox.", minimum=0, maximum=LARGEST_ID)),
            "editor_mode": MODE,
            **EXPECTED_VERSION,
        },
        required=("note_id",),
        answer=NOTE_DETAIL,
        rest=unless_published(unless_misfiled(rest("PATCH", NOTE)), present=own),
        destroys=True,
        repeatable=True,
        lenient=("editor_mode",),
        grows="content",
    ),
    Tool(
        name="patch_note",
        title="Change a part of a note",
        description=(
            "Changes part of the text of one of your notes. Either replace `find`, which must occur exactly once, with `replace`; "
            "or `append` to the end; or `insert` under `heading`, at the end of that section."
        ),
        properties={
            **NOTE_ID,
            "find": text("Text that occurs exactly once, as it is in the note.", minLength=1),
            "replace": text("The text that replaces it."),
            "append": text("Text to add at the end."),
            "insert": text("Text to add at the end of the section."),
            "heading": text("The section's heading, without its # signs.", minLength=1),
            **EXPECTED_VERSION,
            **DRY_RUN,
        },
        required=("note_id",),
        answer=NOTE_DETAIL,
        rest=patch,
        grows="content",
    ),
    Tool(
        name="delete_note",
        title="Put a note into the recycle bin",
        description="Moves one of your notes to the recycle bin. restore_deleted_note brings it back.",
        properties={**NOTE_ID, **EXPECTED_VERSION, **DRY_RUN},
        required=("note_id",),
        answer=record({"deleted": {"type": "boolean"}, "note_id": ID}, {"dry_run": {"type": "boolean"}, "title": TEXT}),
        rest=rest("DELETE", NOTE, reply=deleted("note_id")),
        subject=own,
    ),
    Tool(
        name="search_notes",
        title="Search notes",
        description="Notes whose title or text contains the words. Scope `all` includes the latest public notes of other people.",
        properties={
            "query": text("What to look for.", max_length=500),
            "scope": one_of("personal", "all", default="personal"),
            **PLACE,
        },
        required=("query",),
        answer=record({}, {"query": TEXT, "count": ID, "notes": list_of(NOTE_SUMMARY), "error": TEXT, **PAGED, **NOTICE}),
        rest=search,
        reads=True,
        grows="",
    ),
    Tool(
        name="get_note_by_uuid",
        title="Read a note by its link",
        description="One of your notes, or somebody else's public one, by the uuid in its link.",
        properties={"uuid": text("The uuid.", max_length=64), **CURSOR},
        required=("uuid",),
        answer=NOTE_DETAIL,
        rest=read_by_uuid,
        reads=True,
        grows="content",
    ),
    Tool(
        name="get_note_outline",
        title="Read a note's headings",
        description="The headings of one of your notes, and how long each section is. Read this first when a note is long.",
        properties={**NOTE_ID, **CURSOR},
        required=("note_id",),
        answer=record(
            {
                "note_id": ID,
                "title": TEXT,
                "characters": ID,
                "headings": list_of(record({"index": ID, "level": ID, "heading": TEXT, "line": ID, "characters": ID})),
            },
            {**PAGED, "version": TEXT},
        ),
        rest=read_outline,
        reads=True,
        grows="headings",
    ),
    Tool(
        name="get_note_section",
        title="Read one section of a note",
        description="One section of one of your notes, with its subsections, by the index from get_note_outline or by its heading.",
        properties={
            **NOTE_ID,
            "index": whole("Index of the heading; 0 is what stands in front of the first heading.", minimum=0),
            "heading": text("The heading, without its # signs.", minLength=1),
            **CURSOR,
        },
        required=("note_id",),
        answer=record(
            {"note_id": ID, "title": TEXT, "index": ID, "level": ID, "heading": TEXT, "content": TEXT}, {**PAGED, "version": TEXT}
        ),
        rest=read_section,
        reads=True,
        grows="content",
    ),
)
