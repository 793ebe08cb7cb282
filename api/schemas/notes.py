"""Shapes of notes, blocks and versions (contract: notes 1.5, 2, 5.2, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from pydantic_core import PydanticCustomError

from api.fields import Boolean, Choice, FieldType, Integer, ListOf, Model, Text, Uuid

BLOCK_TYPES = ("N", "U", "T", "S", "E", "P", "C", "Q", "I", "L", "H")
MOST_BLOCKS = 50_000


@dataclass(frozen=True, kw_only=True, slots=True)
class EditorMode(FieldType):
    """A letter. No value is refused, since a refused save makes clients fork the note; what we do not know counts as plain text."""

    null: bool = True

    def read(self, value: Any, form: bool) -> str:
        return value if value in ("G", "B", "P") else "P"

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteCourse(Integer):
    """A course by id. No value is refused, for the same reason; what is no number counts as no course."""

    null: bool = True

    def read(self, value: Any, form: bool) -> int | None:  # type: ignore[override]
        try:
            return Integer.read(self, value, form)
        except PydanticCustomError:
            return None


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryInteger(Integer):
    """A whole number in a query; an empty one counts as not sent."""

    null: bool = True

    def read(self, value: Any, form: bool) -> int | None:  # type: ignore[override]
        return None if isinstance(value, str) and not value.strip() else Integer.read(self, value, form)


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchText(Text):
    """Words to look for, whatever was typed: a character that no note can hold only parts words."""

    blank: bool = True

    def read(self, value: Any, form: bool) -> str:
        return Text.read(self, value.replace("\0", " ") if isinstance(value, str) else value, form)


class BlockIn(Model):
    """A block in a list of blocks."""

    block_type: Annotated[str, Choice(codes=BLOCK_TYPES)] = "N"
    text: Annotated[str, Text(blank=True, trim=False)] = ""
    args: Annotated[str | None, Text(max=256, blank=True, null=True)] = None
    is_AI_generated: Annotated[bool, Boolean()] = False  # noqa: N815 - the name on the wire


class SingleBlockIn(BlockIn):
    """A block to append."""

    block_type: Annotated[str, Choice(codes=BLOCK_TYPES)]


class BlockOrder(Model):
    """The ids of all blocks of a note, in their new order."""

    ordered_block_ids: Annotated[list[Annotated[int, Integer()]], ListOf(min=1, max=MOST_BLOCKS)]


class NoteIn(Model):
    """A note as clients send it."""

    title: Annotated[str, Text(max=100, blank=True)]
    description: Annotated[str | None, Text(max=600, blank=True, null=True)] = ""
    content: Annotated[str, Text(blank=True, trim=False, doc="Markdown.")] = ""
    markdown: Annotated[str, Text(blank=True, trim=False, doc="An older name of `content`.")] = ""
    metadata_json: Annotated[str, Text(blank=True, trim=False, doc="Kept for the apps: a JSON object as text.")] = ""
    custom_meta: Annotated[str, Text(max=65536, blank=True, trim=False, doc="Kept for the author: a JSON object as text.")] = ""
    module: Annotated[str, Text(max=120, blank=True, doc="Groups notes inside a course.")] = ""
    is_public: Annotated[bool, Boolean()] = False
    course_id: Annotated[int | None, NoteCourse(doc="Anything but a course of the caller, or one that is followed, means the Inbox.")] = (
        None
    )
    editor_mode: Annotated[str | None, EditorMode(doc="G markdown, B blocks, P plain text.")] = None
    blocks: Annotated[list[BlockIn], ListOf(max=MOST_BLOCKS, doc="Take precedence over the text.")] = Field(default_factory=list)
    client_draft_id: Annotated[
        str | None, Text(max=64, blank=True, null=True, doc="An id that the client chose; a repeated upload finds its note by it.")
    ] = None
    note_type: Annotated[str, Choice(codes=("N", "C"), doc="N note, C comment.")] = "N"
    source_note_uuid: Annotated[UUID | None, Uuid(null=True, doc="The note that a comment is about.")] = None


class NotePatch(NoteIn.partial()):  # type: ignore[misc]
    """What to change of a note."""

    base_version: Annotated[
        int | None, Integer(min=1, null=True, doc="The `version` that this change is based on; later changes are merged.")
    ] = None


class ListQuery(Model):
    """Which notes, and which page of them."""

    scope: Annotated[str, Text(blank=True, doc="personal, all (with everybody's public notes), private or public.")] = "personal"
    course_id: Annotated[int | None, QueryInteger(doc="Only notes in this course.")] = None
    q: Annotated[str, SearchText(doc="Words to search for.")] = ""
    limit: Annotated[int | None, QueryInteger(doc="1 to 100; makes the response a page.")] = None
    offset: Annotated[int | None, QueryInteger(doc="How many notes to skip; only with `limit`.")] = None
    sort: Annotated[str, Text(blank=True, doc="newest, oldest, popular (most note sessions); else by last edit.")] = ""
    window: Annotated[str, Text(blank=True, doc="Only notes created in the last `3`, `7`, `30` or `365` days.")] = ""


class DetailQuery(Model):
    """When to look."""

    as_of: Annotated[str, Text(blank=True, doc="A time or a version: shows the note as it was then.")] = ""


class SnapshotIn(Model):
    """Why a snapshot is taken."""

    reason: Annotated[str, Text(blank=True)] = "manual"


class HistoryQuery(Model):
    """Which part of a history."""

    limit: Annotated[int | None, QueryInteger(doc="1 to 100, default 12.")] = None
    before: Annotated[int | None, QueryInteger(min=1, doc="The id of a version: only older ones.")] = None
    include: Annotated[str, Text(blank=True, doc="`edits` lists every saved text as well.")] = ""


class AuthorOut(BaseModel):
    """An author or owner."""

    id: int
    username: str
    display_name: str
    image_url: str
    avatar_url: str


class CourseCardOut(BaseModel):
    """The course of a note."""

    id: int
    title: str
    slug: str


class BlockOut(BaseModel):
    """A block of a note."""

    id: int
    block_type: str
    text: str
    args: str | None
    is_AI_generated: bool  # noqa: N815 - the name on the wire
    image_url: str
    date_created: str
    last_edit: str


class NoteItemOut(BaseModel):
    """A note in a list."""

    id: int
    uuid: str
    title: str
    description: str | None
    excerpt: str
    preview_lines: list[str]
    editor_mode: str
    note_type: str
    is_public: bool
    last_edit: str
    date_created: str
    metadata_json: str
    course_id: int | None
    course: CourseCardOut | None
    author: AuthorOut
    source_note_uuid: str | None
    module: str
    cover_image_url: str
    version: int


class NoteOut(NoteItemOut):
    """A note with its text."""

    content: str
    blocks: list[BlockOut]
    can_edit: bool
    custom_meta: str
    name: str
    offline_source_note_id: int | None


class NoteDetailOut(NoteOut):
    """A note as it is, or as it was."""

    as_of: str | None = Field(None, description="When it was so, as it was asked for. Only where it was.")


class NoteSavedOut(NoteOut):
    """A note that was just saved, and the outcome of the save."""

    outcome: Literal["created", "updated", "unchanged", "restored", "merged"]


class FoundNoteOut(NoteItemOut):
    """A note in a list or among the results of a search."""

    snippet: str | None = Field(None, description="What was found of its text. Only where words were looked for.")


class DeletedNoteOut(NoteItemOut):
    """A note in the recycle bin."""

    deleted_at: str
    recycle_bin_entry_id: int
    restorable_until: str | None = Field(None, description="Only where the operator limits how long deleted notes are kept.")


class NotePageOut(BaseModel):
    """A page of notes."""

    results: list[FoundNoteOut]
    total: int
    offset: int
    limit: int
    has_more: bool


class VersionOut(BaseModel):
    """A version of a note."""

    id: int
    version: int
    title: str
    description: str
    content: str
    metadata_json: str
    editor_mode: str
    reason: str
    label: str
    date_created: str


class DiffStepOut(BaseModel):
    """A stretch of text that is equal, deleted or inserted."""

    op: Literal["equal", "delete", "insert"]
    text: str


class VersionNameOut(BaseModel):
    """Identifies a version."""

    id: int
    version: int
    label: str
    reason: str
    date_created: str


class FieldDiffsOut(BaseModel):
    """What changed besides the text: old and new values."""

    title: list[str] | None = None
    description: list[str] | None = None
    editor_mode: list[str] | None = None


class DiffOut(BaseModel):
    """The differences between two versions."""

    older: VersionNameOut = Field(alias="from")
    newer: VersionNameOut = Field(alias="to")
    fields_changed: FieldDiffsOut = Field(alias="fields")
    unified: str
    words: list[DiffStepOut]


class EmptiedOut(BaseModel):
    """How many notes were purged."""

    count: int
    deleted_count: int
