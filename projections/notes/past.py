"""Notes as they were: the history of a note and any of its versions, replayed from the log (contract: notes 8).

Nothing is stored for it. A version's id is the note's id and the number of an event in its stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from eventstore.block_lists import blocks_from, list_spliced
from eventstore.blocks import Block, blocks_of
from eventstore.codec import decode
from eventstore.events import Event, notes
from eventstore.splices import Splice, spliced
from eventstore.version_ids import LONGEST_STREAM, version_id
from projections.media import media_url
from projections.notes.rendering import block_object, excerpt, preview_lines, served_metadata
from projections.reading import Query
from projections.wire import zulu_time

_WHOLE_TEXTS = ["NoteCreated", "NoteTextReplaced"]
_TEXTS = ["NoteCreated", "NoteTextReplaced", "NoteTextSpliced"]
_WHOLE_LISTS = ["NoteCreated", "NoteBlocksReplaced"]
_LISTS = ["NoteBlocksReplaced", "NoteBlocksWritten"]
_ASPECTS = [
    "NoteRenamed",
    "NoteDescribed",
    "NoteFiled",
    "NotePublished",
    "NoteUnpublished",
    "NoteMetadataChanged",
    "NoteCustomMetaChanged",
    "NoteEditorModeChanged",
    "NoteModuleChanged",
    "NoteCoverChanged",
    "NoteTouched",
    "NoteDeleted",
    "NoteRestored",
]
_SAVES = ["NoteSnapshotTaken", *_TEXTS]

_ENTRIES = """
SELECT readable, can_edit,
       coalesce(array_agg(e.version ORDER BY e.version DESC) FILTER (WHERE e.version IS NOT NULL), '{}'),
       coalesce(array_agg(e.type ORDER BY e.version DESC) FILTER (WHERE e.version IS NOT NULL), '{}'),
       coalesce(array_agg(e.data ORDER BY e.version DESC) FILTER (WHERE e.version IS NOT NULL), '{}'),
       coalesce(array_agg(e.recorded_at ORDER BY e.version DESC) FILTER (WHERE e.version IS NOT NULL), '{}')
FROM (SELECT true) AS always
LEFT JOIN LATERAL (
    SELECT n.is_public OR n.owner_id = %(viewer)s AS readable, n.owner_id IS NOT DISTINCT FROM %(viewer)s AS can_edit
    FROM notes.notes n WHERE n.id = %(note)s AND n.deleted_at IS NULL
) note ON true
LEFT JOIN LATERAL (
    SELECT version, type, data, recorded_at FROM log.events
    WHERE note.can_edit AND stream = 'note-' || %(note)s::bigint AND type = ANY(%(types)s::text[]) AND __WHICH__
    ORDER BY version DESC LIMIT %(limit)s
) e ON true
GROUP BY readable, can_edit"""
_PAGE = _ENTRIES.replace("__WHICH__", "version < %(before)s")
_CHOSEN = _ENTRIES.replace("AND type = ANY(%(types)s::text[]) AND __WHICH__", "AND version = ANY(%(versions)s::int[])")

# What the oldest wanted version needs of each aspect, what came from there to the newest one, and of the text and of the
# blocks what lies behind the last whole text, and list, in front of a wanted version.
_REPLAY = """
WITH wanted AS (SELECT unnest(%(versions)s::int[]) AS version),
span AS (SELECT min(version) AS oldest, max(version) AS newest FROM wanted),
bases AS (
    SELECT parts.types, base.version AS first, max(starting.last) AS last
    FROM (__STARTING__) starting
    CROSS JOIN (VALUES (%(whole)s::text[], %(texts)s::text[]), (%(whole_lists)s::text[], %(lists)s::text[])) parts (whole, types)
    CROSS JOIN LATERAL (
        SELECT version FROM log.events
        WHERE stream = %(stream)s AND version <= starting.version AND type = ANY(parts.whole)
        ORDER BY version DESC LIMIT 1) base
    GROUP BY parts.types, base.version
),
needed AS (
    -- A note that goes along with its course is not edited by that: when it was edited an earlier event may say.
    (SELECT DISTINCT ON (type, position('"with_course":null' IN data) > 0) version, type, data, recorded_at FROM log.events, span
     WHERE stream = %(stream)s AND version <= oldest AND type = ANY(%(aspects)s::text[])
     ORDER BY type, position('"with_course":null' IN data) > 0, version DESC)
    UNION ALL
    SELECT version, type, data, recorded_at FROM log.events, span
    WHERE stream = %(stream)s AND version > oldest AND version <= newest AND type = ANY(%(aspects)s::text[])
    UNION ALL
    SELECT version, type, data, recorded_at FROM log.events WHERE stream = %(stream)s AND version = 1
    UNION ALL
    SELECT e.version, e.type, e.data, e.recorded_at FROM bases JOIN log.events e
      ON e.stream = %(stream)s AND e.version BETWEEN bases.first AND bases.last AND e.version > 1 AND e.type = ANY(bases.types)
)
SELECT coalesce(array_agg(version ORDER BY version), '{}'), coalesce(array_agg(type ORDER BY version), '{}'),
       coalesce(array_agg(data ORDER BY version), '{}'), coalesce(array_agg(recorded_at ORDER BY version), '{}')
FROM needed"""
# Versions that lie close are read in one go; of those far apart each from its own whole text on.
_REPLAY_CLOSE = _REPLAY.replace("__STARTING__", "SELECT oldest AS version, newest AS last FROM span")
_REPLAY_FAR = _REPLAY.replace("__STARTING__", "SELECT version, version AS last FROM wanted")
CLOSE = 3_000

_LAST_VERSION_AT = """
SELECT coalesce(max(version), 0) FROM log.events WHERE stream = %(stream)s AND recorded_at <= %(moment)s"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a history."""

    version: int
    reason: str
    """Of a snapshot; empty for a saved text."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """A note after one of its events."""

    note_id: int
    uuid: str
    title: str
    description: str | None
    content: str
    metadata_json: str
    custom_meta: str
    module: str
    course_id: int | None
    is_public: bool
    editor_mode: str
    note_type: str
    source_note_uuid: str | None
    created_at: datetime
    edited_at: datetime
    text_edited_at: datetime
    cover_path: str = ""
    explicit: tuple[Block, ...] = ()
    blocks_hold: bool = False


def list_versions(note_id: int, limit: int, before: int | None, *, edits: bool) -> Query:
    """(readable, can_edit, versions, types, payloads, times), newest first; only the author gets any. edits: with every saved text."""
    params = {
        "note": note_id,
        "types": _SAVES if edits else ["NoteSnapshotTaken"],
        "before": before if before is not None else LONGEST_STREAM,
        "limit": limit,
    }
    return Query(_PAGE, params)


def find_versions(note_id: int, versions: Sequence[int]) -> Query:
    """The same for chosen versions of the stream."""
    return Query(_CHOSEN, {"note": note_id, "versions": list(versions), "limit": len(versions)})


def last_version_at(note_id: int, moment: datetime) -> Query:
    """(version that the note had at a moment); 0 when there was none."""
    return Query(_LAST_VERSION_AT, {"stream": f"note-{note_id}", "moment": moment})


def replay(note_id: int, versions: Sequence[int]) -> Query:
    """What `states` needs for these versions of the stream."""
    params: dict[str, object] = {
        "stream": f"note-{note_id}",
        "versions": list(versions),
        "whole": _WHOLE_TEXTS,
        "texts": _TEXTS,
        "whole_lists": _WHOLE_LISTS,
        "lists": _LISTS,
        "aspects": _ASPECTS,
    }
    close = bool(versions) and max(versions) - min(versions) <= CLOSE
    return Query(_REPLAY_CLOSE if close else _REPLAY_FAR, params)


def entries(row: Sequence[Any]) -> list[Entry]:
    """The lines of a row of list_versions or find_versions."""
    found = []
    for version, type_name, data, at in zip(*row[2:6], strict=True):
        event = decode(type_name, "note-0", version, data, at)
        found.append(Entry(version, getattr(event, "reason", ""), at.astimezone(UTC)))
    return found


def states(note_id: int, versions: Iterable[int], row: Sequence[Any]) -> Mapping[int, Past]:
    """The note after each of the versions, from the row of `replay`."""
    stream = f"note-{note_id}"
    events = [decode(type_name, stream, version, data, at) for version, type_name, data, at in zip(*row, strict=True)]
    found: dict[int, Past] = {}
    state: Past | None = None
    # Put into the text only where a version is wanted.
    splices: list[Splice] = []
    done = 0
    for version in sorted(set(versions)):
        while done < len(events) and events[done].originator_version <= version:
            event = events[done]
            if isinstance(event, notes.NoteTextSpliced):
                splices.append(event.splice)
            elif isinstance(event, notes.NoteTextReplaced | notes.NoteCreated):
                splices.clear()
            state = _after(note_id, state, event)
            done += 1
        if state is not None:
            if splices:
                state = replace(state, content=spliced(state.content, splices))
                splices.clear()
            found[version] = state
    return found


def _begun(note_id: int, event: notes.NoteCreated) -> Past:
    return Past(
        note_id=note_id,
        uuid=event.uuid,
        title=event.title,
        description=event.description,
        content=event.content,
        metadata_json=event.metadata_json,
        custom_meta=event.custom_meta,
        module=event.module,
        course_id=event.course_id,
        is_public=event.is_public,
        editor_mode=event.editor_mode,
        note_type=event.note_type,
        source_note_uuid=event.source_note_uuid,
        created_at=event.timestamp,
        edited_at=event.timestamp,
        text_edited_at=event.timestamp,
    )


def _texted(event: Event, **content: str) -> dict[str, Any]:
    return {**content, "blocks_hold": False, "text_edited_at": event.timestamp}


def _blocked(state: Past, event: notes.NoteBlocksWritten) -> dict[str, Any]:
    return {"explicit": list_spliced(state.explicit, event.at, event.removed, event.inserted, event.texts), "blocks_hold": True}


_CHANGES: dict[type[Event], Callable[[Past, Any], dict[str, Any]]] = {
    notes.NoteTextSpliced: lambda _, event: _texted(event),
    notes.NoteTextReplaced: lambda _, event: _texted(event, content=event.content),
    notes.NoteBlocksWritten: _blocked,
    notes.NoteBlocksReplaced: lambda _, event: {"explicit": blocks_from(event.blocks), "blocks_hold": True},
    notes.NoteRenamed: lambda _, event: {"title": event.title},
    notes.NoteDescribed: lambda _, event: {"description": event.description},
    notes.NoteFiled: lambda _, event: {"course_id": event.course_id},
    notes.NotePublished: lambda _, __: {"is_public": True},
    notes.NoteUnpublished: lambda _, __: {"is_public": False},
    notes.NoteDeleted: lambda _, __: {"is_public": False},
    notes.NoteMetadataChanged: lambda _, event: {"metadata_json": event.metadata_json},
    notes.NoteCustomMetaChanged: lambda _, event: {"custom_meta": event.custom_meta},
    notes.NoteEditorModeChanged: lambda _, event: {"editor_mode": event.editor_mode},
    notes.NoteModuleChanged: lambda _, event: {"module": event.module},
    notes.NoteCoverChanged: lambda _, event: {"cover_path": event.path},
    notes.NoteTouched: lambda _, __: {},
    notes.NoteRestored: lambda _, __: {},
}


def _after(note_id: int, state: Past | None, event: Event) -> Past | None:
    if isinstance(event, notes.NoteCreated):
        return _begun(note_id, event)
    change = _CHANGES.get(type(event))
    if state is None or change is None:
        return state
    edited_at = state.edited_at if isinstance(event, notes.NoteFiled) and event.with_course else event.timestamp
    return replace(state, edited_at=edited_at, **change(state, event))


LABELS = {"autosave_1m": "AutoSave-1m", "autosave_10m": "AutoSave-10m", "autosave_1h": "AutoSave-1h"}
KEPT_LABELS = {
    "overwritten": "Overwritten",
    "before_merge": "Before merge",
    "before_upload": "Before upload",
}
"""Versions that hold what another save would have covered say so, in front of their time."""


def label(entry: Entry) -> str:
    """What a history shows of a version (contract: notes 8.3)."""
    if entry.reason.lower() in LABELS:
        return LABELS[entry.reason.lower()]
    when = entry.at.strftime("%Y-%m-%d %H:%M")
    return f"{KEPT_LABELS[entry.reason]} {when}" if entry.reason in KEPT_LABELS else when


class Versioned(Protocol):
    """What a version shows of a note."""

    @property
    def note_id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str | None: ...
    @property
    def content(self) -> str: ...
    @property
    def metadata_json(self) -> str: ...
    @property
    def editor_mode(self) -> str: ...


def version_object(entry: Entry, state: Versioned) -> dict[str, Any]:
    """A version as clients see it (contract: notes 2.7)."""
    return {
        "id": version_id(state.note_id, entry.version),
        "version": entry.version,
        "title": state.title,
        "description": state.description or "",
        "content": state.content,
        "metadata_json": state.metadata_json,
        "editor_mode": state.editor_mode,
        "reason": entry.reason or "edit",
        "label": label(entry),
        "date_created": zulu_time(entry.at),
    }


def past_members(state: Past) -> dict[str, Any]:
    """The members of a note's detail that differ from version to version."""
    explicit = state.explicit
    blocks = explicit if state.blocks_hold else blocks_of(state.note_id, state.title, state.content, explicit)
    created, edited = zulu_time(state.created_at) or "", zulu_time(state.text_edited_at) or ""
    return {
        "title": state.title,
        "description": state.description,
        "excerpt": excerpt(state.content, state.description),
        "preview_lines": preview_lines(state.content),
        "editor_mode": state.editor_mode,
        "is_public": state.is_public,
        "last_edit": zulu_time(state.edited_at),
        "metadata_json": served_metadata(state.metadata_json, state.description, state.course_id, state.is_public, state.edited_at),
        "custom_meta": state.custom_meta,
        "module": state.module,
        "course_id": state.course_id,
        "cover_image_url": media_url(state.cover_path),
        "content": state.content,
        "blocks": [block_object(block, created, edited) for block in blocks],
    }
