"""What can be read by address: notes, their versions and files, courses, weeks, the profile (contract: mcp 12.5)."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import mcp_types as types
import orjson
from mcp.shared.exceptions import MCPError

from commands.errors import Refused
from mcp_server.call import Result, ToolCall
from mcp_server.refusals import ToolRefusal
from mcp_server.results import detail, offset
from mcp_server.tools import courses as course_tools
from mcp_server.tools import overviews, profile
from mcp_server.tools.history import note_state
from mcp_server.tools.notes import own
from projections.attachments.queries import Media, find_media, get_attachment
from projections.notes.matching import find_notes
from toolbox.bounding import LARGEST_PIECE, cursor_at, cursor_of
from toolbox.manual import MANUAL
from toolbox.markdown import NotApplicable

SCHEME = "notechondria://"
MARKDOWN, JSON = "text/markdown", "application/json"
PAGE = 100
LARGEST_FILE = 1024 * 1024
"""Bytes of a file that is put into an answer; larger ones are named by their address only."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an address holds: text, or bytes."""

    mime: str
    body: str | bytes


Reading = Callable[..., Awaitable[Content]]


@dataclass(frozen=True, slots=True)
class Template:
    """An address with places for names, and how it is read."""

    path: str
    name: str
    description: str
    mime: str
    read: Reading

    @property
    def pattern(self) -> re.Pattern[str]:
        """What fills the places: numbers and days only, so that nothing can climb out of them."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[0-9-]{1,20})", self.path))


async def read_note(call: ToolCall, note_id: str) -> Content:
    """Title as heading, and the text."""
    note = await _own(call, note_id)
    return Content(MARKDOWN, f"# {note['title']}\n\n{note['content']}")


async def read_metadata(call: ToolCall, note_id: str) -> Content:
    """Everything but the text."""
    shown = detail(call, {**await _own(call, note_id), "content": "", "blocks": []})
    return _json(call, {name: value for name, value in shown.items() if name not in ("content", "blocks")})


async def read_version(call: ToolCall, note_id: str, version_id: str) -> Content:
    """The note as it was."""
    state = await note_state(call, _number(note_id), _number(version_id))
    return Content(MARKDOWN, f"# {state.title}\n\n{state.content}")


async def read_attachment(call: ToolCall, note_id: str, attachment_id: str) -> Content:
    """The file itself, when it is small; else what is known of it, with its address."""
    await _own(call, note_id)
    file = await call.read(get_attachment(_number(note_id), _number(attachment_id)), 2)
    if file is None:
        raise ToolRefusal("no such file")
    path = unquote(file["url"].partition("/media/")[2])
    media = Media(*await call.ask(find_media(path)))
    if not media.is_attachment or not media.is_readable or media.size > LARGEST_FILE:
        return _json(call, file)
    content = await call.in_thread(lambda: call.services.blobs.read_now(path))
    if content is None:
        return _json(call, file)
    if media.media_type.startswith("text/"):
        try:
            return Content(media.media_type, content.decode())
        except UnicodeDecodeError:
            pass
    return Content(media.media_type, content)


async def read_course(call: ToolCall, course_id: str) -> Content:
    """The course and its latest notes."""
    return _json(call, await course_tools.get_course(_with(call, course_id=_number(course_id))))


async def read_week(call: ToolCall, start_date: str) -> Content:
    """Seven days. The tool takes a day that cannot be had for today; under an address of its own that would be another week."""
    if overviews.day_of(start_date) is None:
        raise ToolRefusal("no such day")
    return _json(call, await overviews.week(_with(call, start_date=start_date)))


async def read_profile(call: ToolCall) -> Content:
    """The account."""
    return _json(call, await profile.get_profile(call))


async def read_courses(call: ToolCall) -> Content:
    """The courses that the account is shown."""
    return _json(call, await course_tools.list_courses(call))


async def read_heatmap(call: ToolCall) -> Content:
    """A year of days."""
    return _json(call, await overviews.heatmap(call))


async def read_skill(call: ToolCall) -> Content:
    """What the user wrote for assistants, or the manual when there is nothing."""
    return Content(MARKDOWN, call.assistant.skill.strip() or MANUAL)


STATIC = (
    Template("profile", "Profile", "The account that you act for.", JSON, read_profile),
    Template("courses", "Courses", "The courses that the account is shown.", JSON, read_courses),
    Template("heatmap", "Heat map", "Writing of the past half year, plans of the next.", JSON, read_heatmap),
    Template("skill", "Skill", "What the user tells assistants.", MARKDOWN, read_skill),
)
TEMPLATES = (
    Template("notes/{note_id}", "Note", "An own note as markdown.", MARKDOWN, read_note),
    Template("notes/{note_id}/metadata", "Note without its text", "Everything about an own note but its text.", JSON, read_metadata),
    Template("notes/{note_id}/versions/{version_id}", "Version of a note", "An own note as it was.", MARKDOWN, read_version),
    Template(
        "notes/{note_id}/attachments/{attachment_id}",
        "File of a note",
        "A file of an own note.",
        "application/octet-stream",
        read_attachment,
    ),
    Template("courses/{course_id}", "Course", "A course and its latest notes.", JSON, read_course),
    Template("week/{start_date}", "Week", "The seven days from this one on.", JSON, read_week),
)
_PATTERNS = [(template, template.pattern) for template in (*STATIC, *TEMPLATES)]


def note_uri(note_id: int) -> str:
    """The address of a note."""
    return f"{SCHEME}notes/{note_id}"


async def list_resources(call: ToolCall) -> types.ListResourcesResult:
    """The fixed ones, then the own notes, the latest edit first."""
    start = _start(call)
    listed = [types.Resource(uri=SCHEME + one.path, name=one.name, description=one.description, mime_type=one.mime) for one in STATIC]
    found, _, more = await call.ask(find_notes(None, PAGE, start))
    notes = call.parsed(found)
    listed = ([] if start else listed) + [
        types.Resource(
            uri=note_uri(note["id"]),
            name=note["title"],
            description=note["description"] or None,
            mime_type=MARKDOWN,
            annotations=types.Annotations(last_modified=offset(note["last_edit"])),
        )
        for note in notes
    ]
    following = cursor_at(start + len(notes)) if more else None
    return types.ListResourcesResult(resources=listed, next_cursor=following)


def list_templates() -> types.ListResourceTemplatesResult:
    """The addresses with places."""
    return types.ListResourceTemplatesResult(
        resource_templates=[
            types.ResourceTemplate(uri_template=SCHEME + one.path, name=one.name, description=one.description, mime_type=one.mime)
            for one in TEMPLATES
        ]
    )


async def read_resource(call: ToolCall, uri: str) -> types.ReadResourceResult:
    """What the address holds. Raises MCPError for an address that there is not."""
    content = await read_content(call, uri)
    if isinstance(content.body, bytes):
        blob = base64.b64encode(content.body).decode()
        return types.ReadResourceResult(contents=[types.BlobResourceContents(uri=uri, mime_type=content.mime, blob=blob)])
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=content.mime, text=content.body)])


async def read_content(call: ToolCall, uri: str, path: str | None = None) -> Content:
    """The same, not yet in the protocol's form. path: of the only template that is meant."""
    if uri.startswith(SCHEME):
        for template, pattern in _PATTERNS:
            if path in (None, template.path) and (found := pattern.fullmatch(uri.removeprefix(SCHEME))):
                try:
                    return await template.read(call, **found.groupdict())
                except (Refused, ToolRefusal, NotApplicable):
                    break
    raise MCPError(types.INVALID_PARAMS, "There is no such resource.", {"uri": uri[:500]})


def clipped(text: str) -> str:
    """As much of a text as a message takes."""
    return text if len(text) <= LARGEST_PIECE else text[:LARGEST_PIECE] + "\n\n(cut here; read the rest with get_note)"


async def _own(call: ToolCall, note_id: str) -> dict[str, Any]:
    return await own(_with(call, note_id=_number(note_id)))


def _with(call: ToolCall, **arguments: Any) -> ToolCall:
    return replace(call, arguments=arguments)


def _number(text: str) -> int:
    if not text.isdigit() or len(text) > 16:
        raise ToolRefusal("no such id")
    return int(text)


def _json(call: ToolCall, value: Result) -> Content:
    """With the notice that a tool's result would have."""
    return Content(JSON, orjson.dumps({**value, **call.noticed()}).decode())


def _start(call: ToolCall) -> int:
    try:
        return cursor_of(call.arguments)
    except NotApplicable:
        raise MCPError(types.INVALID_PARAMS, "This cursor is not one that an answer gave.") from None
