"""Taking changes back: by new events, never by removing old ones, and only when nothing newer stands in the way.

How the events of a stream are taken back is known to its area, which registers an inverse (see commands/inverses.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from commands.aggregate import Aggregate
from commands.errors import Conflict, NotFound, sentence
from commands.handling import READ_AT_ONCE, Work
from commands.lookups import Lookups
from commands.undo_lookups import Parts
from eventstore.events.base import stream_kind, stream_numbers
from eventstore.events.notes import NotePublished

ASK_FIRST = "Undoing would take away what was written since: delete it only if whoever wrote that says so."
LATER_FIRST = "Take the later change back first."
"""Ways on where later changes stand in the way."""
OLDER_ONES = "list_changes lists other changes with their ids; name one as change_id."
"""The way on for an assistant, which looks for its last change in vain."""
NOTHING = "There is nothing to undo among the latest changes of the account."
NOTHING_OWN = "There is no change of yours that could be taken back among the latest of the account."
NOTHING_LEFT = "Nothing is left of the latest changes that could be undone. An older one can be taken back by its id."
WITHOUT_EFFECT = 20
"""So many changes of which nothing is left are gone past in search of the last one."""


@dataclass(frozen=True, slots=True)
class Span:
    """What one command did to one stream: its events there are the versions first to last."""

    stream: str
    first: int
    last: int

    @property
    def kind(self) -> str:
        """What the stream's name begins with."""
        return stream_kind(self.stream)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The ids in the stream's name."""
        return stream_numbers(self.stream)

    @property
    def number(self) -> int:
        """The id in the name of a stream that has one."""
        return self.numbers[0]


@dataclass(frozen=True, slots=True)
class Inverse:
    """How changes of one kind of aggregate are taken back."""

    kind: type[Aggregate]
    take_back: Callable[[Work[Lookups], Span], None]
    """Takes back what a command did to a stream: compares `work.at(Kind, span.number, span.first - 1)` (before) and
    `work.at(Kind, span.number, span.last)` (after) with the present state, and triggers the events that lead back. Raises Conflict
    with one sentence when later changes stand in the way.
    """


@dataclass(frozen=True, slots=True)
class Undone:
    """The change that was taken back."""

    change_id: int
    command: str


def publishes(work: Work[Lookups]) -> bool:
    """Whether what was decided makes a note public."""
    return any(isinstance(event, NotePublished) for aggregate in work.aggregates.values() for event in aggregate.pending)


def undo(work: Work[Lookups], account_id: int, change_id: int | None, inverses: Mapping[str, Inverse], key: str | None = None) -> Undone:
    """Takes back the change, or the account's last one of which something is left. Raises NotFound, or Conflict when that is not
    possible any more.

    key: the beginning of an API key; the last change is the last that an assistant made with it.
    """
    if change_id is None:
        try:
            return _undo_last(work, account_id, inverses, key)
        except Conflict as refused:
            if key is None:
                raise
            raise Conflict(f"{sentence(refused)} {OLDER_ONES}") from refused
    found = work.lookups.change(account_id, change_id)
    if found is None:
        raise NotFound("Change")
    if found[2]:
        raise Conflict("This change was undone already.")
    if not _took_back(work, found, inverses):
        raise Conflict("Nothing is left of this change that could be undone.")
    return Undone(found[0], found[1])


def _undo_last(work: Work[Lookups], account_id: int, inverses: Mapping[str, Inverse], key: str | None) -> Undone:
    before: int | None = None
    for _ in range(WITHOUT_EFFECT):
        found = work.lookups.last_change(account_id, inverses, before, key)
        if found is None:
            raise Conflict(NOTHING if key is None else NOTHING_OWN)
        try:
            if _took_back(work, found, inverses):
                return Undone(found[0], found[1])
            before = found[0]
        except Conflict:
            # What stands in the way may be that others have taken this change back since it was found.
            if work.assumed or work.lookups.last_change(account_id, inverses, before, key) == found:
                raise
            work.start_over()
    raise Conflict(NOTHING_LEFT)


def _took_back(work: Work[Lookups], change: Parts, inverses: Mapping[str, Inverse]) -> bool:
    """Whether that changes anything: the present may be as it was before, such as after a save that changed nothing."""
    _, command, _, spans = change
    touched = [Span(*span) for span in spans]
    for span in touched:
        if span.kind not in inverses:
            raise Conflict("This kind of change cannot be undone.")
    work.context = replace(work.context, undoes=command)
    for kind, inverse in inverses.items():
        _take_back(work, [span for span in touched if span.kind == kind], inverse)
    return any(aggregate.pending for aggregate in work.aggregates.values())


def _take_back(work: Work[Lookups], spans: Sequence[Span], inverse: Inverse) -> None:
    for first in range(0, len(spans), READ_AT_ONCE):
        some = spans[first : first + READ_AT_ONCE]
        work.read_ahead(inverse.kind, {span.numbers: (span.first - 1, span.last) for span in some})
        for span in some:
            inverse.take_back(work, span)
