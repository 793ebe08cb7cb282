"""The parts of a note's answer that are computed from its text and metadata."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from eventstore.blocks import Block
from eventstore.halves import as_text, parsed_exactly
from projections.wire import zulu_time

if TYPE_CHECKING:
    from projections.notes.projector import NoteRow, NoteTextRow

EXCERPT_LENGTH = 220
PREVIEW_LINES = 3
LONGEST_NAME = 100
COPIED_STATE = "source_note_last_edit"
"""Member of the clients' metadata: when the state of the note that a device copied was edited."""

_LAST_EDIT = re.compile(rb'"last_edit":"[^"]*"')
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def excerpt(content: str, description: str | None) -> str:
    """The beginning of the text without its heading line, else of the description (contract: notes 6.5)."""
    text = content.strip()
    if not text:
        return (description or "")[:EXCERPT_LENGTH]
    if text.startswith("# "):
        _, line_break, rest = text.partition("\n")
        if line_break:
            text = rest.strip()
    return text[:EXCERPT_LENGTH]


def preview_lines(content: str) -> list[str]:
    """The first three lines with text, a heading at the top left out, each cut to 220 characters."""
    lines: list[str] = []
    first = True
    start = 0
    while start <= len(content) and len(lines) < PREVIEW_LINES:
        end = content.find("\n", start)
        end = len(content) if end < 0 else end
        line = content[start:end].strip()
        start = end + 1
        if line:
            if not (first and line.startswith("# ")):
                lines.append(line[:EXCERPT_LENGTH])
            first = False
    return lines


def served_metadata(metadata_json: str, description: str | None, course_id: int | None, is_public: bool, last_edit: datetime) -> str:
    """The clients' metadata text with the true description, course and visibility in it, since clients save back
    what they find there; text that is no JSON object comes back as it was, and none counts as an empty object.

    Devices leave the last edit of the state that they copied in it. Whoever reads the note reads a newer state, and must not
    send that stamp back as if it were the own one.
    """
    metadata: Any = {}
    if metadata_json.strip():
        try:
            metadata = parsed_exactly(metadata_json)
        except ValueError:
            return metadata_json
        if not isinstance(metadata, dict):
            return metadata_json
    metadata.update(description=description or "", course_id=course_id, is_public=is_public)
    if COPIED_STATE in metadata:
        metadata[COPIED_STATE] = zulu_time(last_edit)
    return as_text(metadata)


def detail(note: NoteRow, text: NoteTextRow, can_edit: bool, author: str, course: str | None, name: str) -> bytes:
    """A note's whole answer, as queries._DETAIL puts it together. author, course: their cards; name: with its number."""
    members = (
        b'"can_edit":true' if can_edit else b'"can_edit":false',
        b'"content":' + orjson.dumps(text.content),
        b'"blocks":' + text.blocks.encode(),
        b'"custom_meta":' + orjson.dumps(note.custom_meta),
        b'"name":' + orjson.dumps(name),
        b'"offline_source_note_id":' + orjson.dumps(note.offline_source_id),
    )
    item, around = note.item.encode(), f'"course":{course or "null"},"author":{author}'.encode()
    return b"{" + b",".join((item, around, *members)) + b"}"


def known_under(detail: bytes, moment: datetime) -> bytes:
    """A note's whole answer with another last edit: that of the state that a device holds. What readers go by stands in the metadata."""
    return _LAST_EDIT.sub(f'"last_edit":"{zulu_time(moment)}"'.encode(), detail, count=1)


def block_object(block: Block, created: str, edited: str) -> dict[str, Any]:
    """A block as clients see it; the times are those of the note's text, for blocks without their own."""
    return {
        "id": block.id,
        "block_type": block.block_type,
        "text": block.text,
        "args": block.args,
        "is_AI_generated": block.is_ai_generated,
        "image_url": "",
        "date_created": block.created or created,
        "last_edit": block.edited or edited,
    }


def url_name(title: str) -> str:
    """The title as a part of an address; empty when none of it can be."""
    plain = title if title.isascii() else unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return _NOT_IN_NAMES.sub("-", plain.lower()).strip("-")[:LONGEST_NAME].strip("-")
