"""The history of notes: versions, what changed between them, going back (contract: notes 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

from api.call import Call, json_bytes
from api.fields import read_instant
from api.note_access import author_only
from api.routing import Route
from api.schemas.notes import DiffOut, HistoryQuery, NoteOut, SnapshotIn, VersionOut
from api.schemas.preconditions import STALE
from api.writing import carry_out
from commands.errors import Forbidden, Invalid, NotFound, Unreadable
from commands.notes.versions import restore_version, take_snapshot
from eventstore.version_ids import LONGEST_STREAM, stream_version
from projections.courses.queries import get_course_card
from projections.media import with_origin
from projections.notes import past
from projections.notes.differences import unified_diff, word_diff
from projections.notes.queries import get_note
from projections.reading import newest_version

USUAL_LENGTH = 12
GREATEST_LENGTH = 100
_PLUS_AS_SPACE = re.compile(r" (\d\d:?\d\d)$")


def list_history(call: Call) -> bytes:
    """The newest versions, or those before one."""
    wanted = call.query
    note_id = call.path["note_id"]
    limit = USUAL_LENGTH if wanted.limit is None else min(max(wanted.limit, 1), GREATEST_LENGTH)
    before = None if wanted.before is None else wanted.before % LONGEST_STREAM
    row = call.ask_now(past.list_versions(note_id, limit, before, edits=wanted.include.lower() == "edits"))
    _author_only(row)
    return orjson.dumps(_versions(call, note_id, past.entries(row)))


def get_version(call: Call) -> bytes:
    """One version; any version of the note can be read."""
    return orjson.dumps(_chosen(call, call.path["note_id"], [call.path["version_id"]])[0])


def diff_versions(call: Call) -> bytes:
    """What changed from one version to another, in lines and in words."""
    old, new = _chosen(call, call.path["note_id"], [call.path["old"], call.path["new"]])
    changed = {name: [old[name], new[name]] for name in ("title", "description", "editor_mode") if old[name] != new[name]}
    about = [{name: version[name] for name in ("id", "version", "label", "reason", "date_created")} for version in (old, new)]
    return orjson.dumps(
        {
            "from": about[0],
            "to": about[1],
            "fields": changed,
            "unified": unified_diff(old["content"], new["content"], old["label"], new["label"]),
            "words": word_diff(old["content"], new["content"]),
        }
    )


def snapshot(call: Call) -> Response:
    """Gives the present state a place in the history."""
    note_id = call.path["note_id"]
    account_id = call.context().actor or 0
    return carry_out(
        call,
        lambda work: take_snapshot(work, account_id, note_id, call.body.reason or "manual"),
        lambda taken, _: (201, orjson.dumps(past.version_object(past.Entry(taken.version, taken.reason, taken.at), taken))),
    )


def restore(call: Call) -> Response:
    """Brings a version back; the state before is kept as a version."""
    note_id = call.path["note_id"]
    account_id = call.context().actor or 0
    return carry_out(
        call,
        lambda work: restore_version(work, account_id, note_id, call.path["version_id"]),
        lambda _, row: (200, row[2] if row else b""),
        answer=lambda _: get_note(note_id),
    )


def past_note(call: Call, note_id: int, as_of: str) -> Response:
    """The detail of a note as it was at a time or version. Only its author may look back."""
    row = call.ask_now(get_note(note_id))
    _author_only(row)
    version = _version_meant(call, note_id, as_of)
    state = _states(call, note_id, [version]).get(version) if 0 < version < LONGEST_STREAM else None
    if state is None or version > _newest(call, note_id):
        raise NotFound("NoteVersion")
    detail = orjson.loads(bytes(row[2]).replace(b"\x1a", b"\\u001a"))
    if state.course_id != detail["course_id"]:
        card = call.ask_now(get_course_card(state.course_id))[0] if state.course_id is not None else None
        detail["course"] = orjson.loads(card) if card is not None else None
    detail.update(past.past_members(state), can_edit=False, version=version, as_of=as_of)
    return json_bytes(call, with_origin(orjson.dumps(detail).decode()))


def _version_meant(call: Call, note_id: int, as_of: str) -> int:
    if as_of.isascii() and as_of.isdigit() and len(as_of) < 18:
        version = stream_version(note_id, int(as_of))
        if version is None:
            raise NotFound("NoteVersion")
        return version
    moment = read_instant(_PLUS_AS_SPACE.sub(r"+\1", as_of.strip()))
    if moment is None:
        raise Invalid({"as_of": ["Neither a time (ISO 8601) nor a version."]})
    return int(call.ask_now(past.last_version_at(note_id, moment))[0])


def _newest(call: Call, note_id: int) -> int:
    return call.ask_now(newest_version(f"note-{note_id}"))[0] or 0


def _chosen(call: Call, note_id: int, version_ids: Sequence[int]) -> list[dict[str, Any]]:
    """These versions, in this order. Raises NotFound when one of them is none of the note's."""
    versions = [stream_version(note_id, version_id) for version_id in version_ids]
    row = call.ask_now(past.find_versions(note_id, sorted({version for version in versions if version})))
    _author_only(row)
    found = {version["version"]: version for version in _versions(call, note_id, past.entries(row))}
    if any(version not in found for version in versions):
        raise NotFound("NoteVersion")
    return [found[version] for version in versions if version]


def _versions(call: Call, note_id: int, entries: Sequence[past.Entry]) -> list[dict[str, Any]]:
    if not entries:
        return []
    states = _states(call, note_id, [entry.version for entry in entries])
    return [past.version_object(entry, states[entry.version]) for entry in entries if entry.version in states]


def _states(call: Call, note_id: int, versions: Sequence[int]) -> Mapping[int, past.Past]:
    return past.states(note_id, versions, call.ask_now(past.replay(note_id, versions)))


def _author_only(row: Sequence[Any]) -> None:
    if row[0] is None and not row[1]:
        raise NotFound("Note")
    if not row[1]:
        if not row[0]:
            raise Unreadable
        raise Forbidden("Only the owner can view note history.")


ROUTES = [
    Route(
        "GET", "/notes/{note_id:int}/history/", list_history, "List a note's versions",
        description="Snapshots, newest first; `include=edits` lists every saved text as well.",
        query=HistoryQuery, answer=list[VersionOut],
        guard=author_only("view note history"),
    ),
    Route(
        "GET", "/notes/{note_id:int}/history/{version_id:int}/", get_version, "Read a version of a note", answer=VersionOut,
        refusals=[403],
    ),
    Route(
        "GET", "/notes/{note_id:int}/history/{old:int}/diff/{new:int}/", diff_versions, "Compare two versions of a note", answer=DiffOut,
        refusals=[403],
    ),
    Route(
        "POST", "/notes/{note_id:int}/snapshot/", snapshot, "Take a snapshot of a note",
        description="Keeps the present state as a version.",
        body=SnapshotIn, answer=VersionOut, status=201, guard=author_only("snapshot this note"), examples={"by hand": {"reason": "manual"}},
        answers=STALE,
    ),
    Route(
        "POST", "/notes/{note_id:int}/restore/{version_id:int}/", restore, "Restore a version of a note",
        description="The state before becomes a version as well.",
        answer=NoteOut, answers=STALE,
        refusals=[403],
    ),
]  # fmt: skip
