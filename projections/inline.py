"""Inline projections: their rows commit in the transaction of the events, so whoever writes reads it back at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from eventstore.codec import Recorded
from eventstore.events import Event
from eventstore.message import Message
from projections.base import Projection, Table
from projections.memory import RowMemory
from projections.reading import Written
from projections.rows import ForeseenRows, Rows, RowsNotForeseen


def fingerprint(projections: Sequence[Projection]) -> str:
    """Names and versions of the inline projections: what the live inline tables have to be built with."""
    return " ".join(f"{p.name}={p.version}" for p in sorted(projections, key=lambda p: p.name) if p.lifecycle == "inline")


class InlineProjections:
    """All inline projections; `writing` makes the part of one append's transaction that keeps their rows."""

    def __init__(self, projections: Sequence[Projection]) -> None:
        self.projections = [p for p in projections if p.lifecycle == "inline"]
        self.fingerprint = fingerprint(self.projections)
        self.memory = RowMemory()
        self.concerned = lru_cache(maxsize=1024)(self._concerned)
        """The projections that handle one of these types of events."""

    def _concerned(self, types: frozenset[type[Event]]) -> list[Projection]:
        return [p for p in self.projections if not types.isdisjoint(p.handlers)]

    def writing(
        self,
        events: Sequence[Event],
        metadata: bytes,
        then: Callable[[Message, Written], None] | None = None,
        missed: Mapping[str, Sequence[Event]] = MappingProxyType({}),
        first: Callable[[Message], None] | None = None,
    ) -> InlineWriting:
        """`first` and `then` queue further statements of the same transaction, before and behind the rows.

        missed: the newest stored events of some streams, in order, by which remembered rows can be brought up to date.
        """
        return InlineWriting(self, [Recorded(0, event, metadata) for event in events], then, missed, first)


class InlineWriting:
    """The rows of one append. See eventstore.recorder.Alongside."""

    def __init__(
        self,
        inline: InlineProjections,
        batch: Sequence[Recorded],
        then: Callable[[Message, Written], None] | None,
        missed: Mapping[str, Sequence[Event]],
        first: Callable[[Message], None] | None,
    ) -> None:
        self._batch = batch
        self._first = first
        self._then = then
        self._memory = inline.memory
        self._build = inline.memory.build
        self._projections = inline.concerned(frozenset(type(recorded.event) for recorded in batch))
        self._rows: list[Rows] = [ForeseenRows(p, p.name) for p in self._projections]
        self._behind = [self._memory.recall(rows, batch, missed) if rows.projection.remembers else [] for rows in self._rows]
        # A list: every projection learns which of its rows are new, whatever the others need.
        needs_rows = any([rows.wanted(batch) for rows in self._rows])  # noqa: C419
        self._applied = not needs_rows and self._foreseen()
        # What is remembered is good for one build; rows that are loaded now are good whatever the build.
        self.inline_projections: str | None = self._build if self._applied and self._build else inline.fingerprint

    def load(self, message: Message) -> None:
        """Reads the rows that the events change, if they are not known."""
        if self._applied:
            return
        self._rows = [Rows(p, p.name, message) for p in self._projections]
        message.execute(_GUARD, (self.inline_projections,))
        built_with = message.execute(_BUILT_WITH)
        for rows in self._rows:
            rows.load(rows.wanted(self._batch))
        row = built_with.fetchone()
        self._build = row[0] if row else None

    def write(self, message: Message) -> None:
        """Applies the events, unless that was possible beforehand, and queues what stores the rows."""
        if self._first is not None:
            self._first(message)
        for rows in self._rows:
            if not self._applied:
                rows.projection.apply(rows, self._batch)
            rows.write(message)
        if self._then is not None:
            self._then(message, self._written)

    def _written(self, table: Table[Any], number: int) -> Any:
        for rows in self._rows:
            if table in rows.projection.tables:
                return rows.at_hand(table, (number,))
        return None

    def committed(self) -> None:
        """Remembers the rows for this process's next change of these streams."""
        remembered = [rows for rows in self._rows if rows.projection.remembers]
        if remembered and self._build is not None:
            self._memory.keep(remembered, self._batch, self._build)

    def rebuilt(self) -> None:
        """What was remembered may be what the rebuild has repaired."""
        self._memory.forget()

    def _foreseen(self) -> bool:
        """Applies the events if they need no row from the database: rows that are new, or remembered."""
        try:
            for rows, behind in zip(self._rows, self._behind, strict=True):
                rows.projection.apply(rows, (*behind, *self._batch))
        except RowsNotForeseen:
            return False
        return True


_GUARD = b"SELECT log.guard(%s)"
_BUILT_WITH = b"SELECT value FROM log.facts WHERE name = 'inline_projections'"
