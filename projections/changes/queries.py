"""The changes of an account, from the log by its actor."""

from __future__ import annotations

import re
from collections.abc import Container, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import orjson

from eventstore.events.base import stream_kind, stream_number
from projections.reading import Query
from projections.wire import zulu_time

EVENTS_READ = 2_000
"""Events of the account that one page is made of at most."""
OLDEST = 2**62
NEAR = 1_000
"""Positions behind the first event of a change in which the others are looked for."""
BETWEEN = 4
"""Of the events that are read at once, a fourth may be of other commands and stand between two events of one."""

SILENT_KINDS = ("session", "invitation", "note-session")
"""Streams whose events are no changes that anybody would look for."""
SILENT_TYPES = (
    "NoteSnapshotTaken",
    "NoteTouched",
    "NoteDraftRecognised",
    "NotePurged",
    "NoteSourcePurged",
    "CourseTouched",
    "CourseOpened",
    "AttachmentPurged",
)

# Forgotten events have no payload and are left out: what was purged is not listed.
EVENTS = """
SELECT position, stream, version, type, metadata, recorded_at FROM log.events
WHERE actor = %(account)s::bigint AND position < %(before)s::bigint AND position >= %(from)s::bigint
  AND length(data) > 0 AND type <> ALL(%(silent_types)s::text[])
  AND rtrim(stream, '0123456789-') <> ALL(%(silent_kinds)s::text[])
ORDER BY position __DIRECTION__ LIMIT %(events)s"""
NEWEST_FIRST = EVENTS.replace("__DIRECTION__", "DESC")
OLDEST_FIRST = EVENTS.replace("__DIRECTION__", "ASC")

# Which commands were taken back after a position, each by which command.
UNDOINGS = """
SELECT DISTINCT ON (metadata) position, metadata FROM log.events
WHERE actor = %(account)s::bigint AND position > %(after)s::bigint AND undoes
ORDER BY metadata, position LIMIT 10000"""

_COLUMNS = """
SELECT coalesce(array_agg(position ORDER BY position DESC), '{}'), coalesce(array_agg(stream ORDER BY position DESC), '{}'),
       coalesce(array_agg(version ORDER BY position DESC), '{}'), coalesce(array_agg(type ORDER BY position DESC), '{}'),
       coalesce(array_agg(metadata ORDER BY position DESC), '{}'),
       coalesce(array_agg(recorded_at ORDER BY position DESC), '{}')
FROM (__EVENTS__) found"""
_BEFORE, _FROM = (_COLUMNS.replace("__EVENTS__", events.replace("%(account)s", "%(viewer)s")) for events in (NEWEST_FIRST, OLDEST_FIRST))

# kind of a stream -> the table of what its streams are about, and what that is called there.
_TITLED = {
    "note": ("notes.notes", "title"),
    "course": ("courses.courses", "title"),
    "attachment": ("attachments.attachments", "filename"),
    "planner-event": ("planner.events", "title"),
    "calendar-feed": ("calendars.feeds", "title"),
}
_TITLES = " UNION ALL ".join(
    f"SELECT '{kind}-' || thing.id AS stream, thing.{title} AS title FROM {table} thing"
    f" WHERE thing.id = ANY(%({kind})s::bigint[]) AND thing.owner_id = %(viewer)s"
    for kind, (table, title) in _TITLED.items()
)

_ABOUT = """
SELECT coalesce((SELECT array_agg(position) FROM ({undoings}) u), '{{}}'),
       coalesce((SELECT array_agg(metadata) FROM ({undoings}) u), '{{}}'),
       coalesce((SELECT json_object_agg(stream, title) FROM ({titles}) titled), '{{}}')::text,
       (SELECT username FROM accounts.accounts WHERE id = %(viewer)s)"""
_ABOUT_SQL = _ABOUT.format(undoings=UNDOINGS.replace("%(account)s", "%(viewer)s"), titles=_TITLES)

T = TypeVar("T")

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(slots=True)
class Change:
    """What one command of an account did."""

    command: str
    channel: str
    client: str | None
    key: str | None
    """The beginning of the API key that it was made with."""
    undoes: str | None
    at: datetime
    first_position: int = OLDEST
    last_position: int = 0
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Stream -> first and last version."""
    types: list[str] = field(default_factory=list)
    """Types of its events, in order."""

    def add(self, position: int, stream: str, version: int) -> None:
        """One more of its events."""
        self.first_position = min(self.first_position, position)
        self.last_position = max(self.last_position, position)
        first, last = self.spans.get(stream, (version, version))
        self.spans[stream] = (min(first, version), max(last, version))

    def take_in(self, part: Change) -> None:
        """Other events of the same command, all of them older or all of them newer."""
        older, newer = (part, self) if part.first_position < self.first_position else (self, part)
        self.types, self.at = [*older.types, *newer.types], newer.at
        self.first_position = min(self.first_position, part.first_position)
        self.last_position = max(self.last_position, part.last_position)
        for stream, (first, last) in part.spans.items():
            known_first, known_last = self.spans.get(stream, (first, last))
            self.spans[stream] = (min(known_first, first), max(known_last, last))


def event_params(before: int = OLDEST, start: int = 0, events: int = EVENTS_READ) -> dict[str, object]:
    """The parameters of EVENTS beside the account."""
    return {
        "before": before,
        "from": start,
        "events": events,
        "silent_types": list(SILENT_TYPES),
        "silent_kinds": list(SILENT_KINDS),
    }


def events_before(before: int, events: int) -> Query:
    """Columns (position, stream, version, type, metadata, time) as lists, the newest first: the caller's newest events in front of a
    position.
    """
    return Query(_BEFORE, event_params(before, events=events))


def events_from(start: int, before: int, events: int) -> Query:
    """The same of the caller's oldest events from a position on."""
    return Query(_FROM, event_params(before, start, events=events))


def about_changes(changes: Sequence[Change]) -> Query:
    """What `change_objects` needs beside the changes."""
    streams = {stream for change in changes for stream in change.spans}
    return Query(
        _ABOUT_SQL,
        {
            "after": min((change.first_position for change in changes), default=OLDEST),
            **{kind: _numbers(streams, kind) for kind in _TITLED},
        },
    )


def grouped(rows: Iterable[Sequence[Any]]) -> list[Change]:
    """Events, newest first, as changes, the one that began last first."""
    changes: dict[str, Change] = {}
    for position, stream, version, type_name, metadata, at in rows:
        about = orjson.loads(metadata)
        command = about["command"]
        change = changes.get(command)
        if change is None:
            change = changes[command] = Change(command, about["channel"], about.get("client"), about.get("key"), about.get("undoes"), at)
        change.add(position, stream, version)
        change.types.append(type_name)
    for change in changes.values():
        change.types.reverse()
    return sorted(changes.values(), key=lambda change: change.first_position, reverse=True)


Reading = Generator[Query, Sequence[Sequence[Any]], T]
"""Yields what is to be asked and takes the answer's row, so that it serves doors that ask in threads and those that ask on the loop."""


def read_changes(before: int | None, at_once: int | None = None) -> Reading[tuple[list[Change], bool]]:
    """The caller's changes that began in front of a position, the last begun first, each with all of its events, and whether there are
    more. Commands that ran at the same moment have their events between one another's.
    """
    at_once = at_once or EVENTS_READ
    between = max(at_once // BETWEEN, 1)
    rows: list[tuple[Any, ...]] = []
    found: list[Change] = []
    more = True
    below = OLDEST if before is None else before
    while more and not found:
        columns = yield events_before(below, at_once)
        rows += zip(*columns, strict=True)
        more = len(columns[0]) == at_once
        below = rows[-1][0] if rows else below
        # Those of which the last ones read are part may go on behind what was read.
        found = [change for change in grouped(rows) if not more or change.first_position > rows[-between][0]]
    if before is not None:
        yield from _complete(found, before, between)
    return found, more


def _complete(changes: Sequence[Change], start: int, between: int) -> Reading[None]:
    """Gives the changes those of their events that stand from this position on."""
    known = {change.command: change for change in changes}
    goes_on = bool(known)
    while goes_on:
        columns = yield events_from(start, OLDEST, between)
        later = [change for change in grouped(zip(*columns, strict=True)) if change.command in known]
        for change in later:
            known[change.command].take_in(change)
        goes_on = bool(later) and len(columns[0]) == between
        start = columns[0][0] + 1 if columns[0] else start


def read_change(change_id: int) -> Reading[Change | None]:
    """One of the caller's changes by its id, for telling what it was: of very long ones the events that are near its first."""
    columns = yield events_from(change_id, min(change_id + NEAR, OLDEST), EVENTS_READ)
    found = grouped(zip(*columns, strict=True))
    return next((change for change in found if change.first_position == change_id), None)


def consists_of(change: Change, kinds: Container[str]) -> bool:
    """Whether all streams that it touched are of these kinds."""
    return all(stream_kind(stream) in kinds for stream in change.spans)


def undone_commands(undoings: Iterable[tuple[int, bytes]]) -> set[str]:
    """The commands that are taken back at present: an undoing that was undone itself does not count."""
    undone: set[str] = set()
    for _, metadata in sorted(undoings, reverse=True):
        about = orjson.loads(metadata)
        if about["command"] not in undone:
            undone.add(about["undoes"])
    return undone


def change_objects(changes: Iterable[Change], about: Sequence[Any], undoable: Container[str]) -> list[dict[str, Any]]:
    """The changes as clients see them. No text of any event is in them, only the present titles of the caller's own things."""
    positions, metadata, known_titles, username = about
    undone = undone_commands(zip(positions, metadata, strict=True))
    titles: Mapping[str, str] = orjson.loads(known_titles)
    return [
        {
            "id": change.first_position,
            "command": change.command,
            "at": zulu_time(change.at),
            "actor": username,
            "channel": change.channel,
            "client": change.client,
            "key": change.key,
            "summary": _summary(change, titles),
            "types": list(dict.fromkeys(change.types)),
            "items": [
                {"kind": stream_kind(stream), "id": stream_number(stream), "title": titles.get(stream)} for stream in sorted(change.spans)
            ],
            "undone": change.command in undone,
            "undoes": change.undoes,
            "can_undo": change.command not in undone and consists_of(change, undoable),
        }
        for change in changes
    ]


def _summary(change: Change, titles: Mapping[str, str]) -> str:
    """Such as `Note renamed, note text spliced: Cell biology`."""
    done = ", ".join(_WORDS.sub(" ", name).lower() for name in dict.fromkeys(change.types))
    named = ", ".join(dict.fromkeys(titles[stream] for stream in sorted(change.spans) if stream in titles))
    text = f"{done}: {named}" if named else done
    text = f"undo of {text}" if change.undoes else text
    return text[:1].upper() + text[1:300]


def _numbers(streams: Iterable[str], kind: str) -> list[int]:
    return [stream_number(stream) for stream in streams if stream_kind(stream) == kind]
