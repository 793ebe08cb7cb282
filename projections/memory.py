"""Rows that this process wrote last, kept for its next change of the same stream.

A row belongs to one stream, so rows that were stored with version v of a stream are current for the append of v + 1, and
that append fails if there is another v + 1 already. A rebuild may repair rows, so the memory is good for one build only.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from eventstore.codec import Recorded
from eventstore.events import Event
from projections.base import Key, Table
from projections.rows import Rows

REMEMBERED_BYTES = 24 * 2**20
ROW_BYTES = 1000
"""What a row weighs beside its texts, about."""


@dataclass(slots=True)
class _Stream:
    version: int
    rows: dict[Table[Any], dict[Key, Any]] = field(default_factory=dict)
    weight: int = 0


class RowMemory:
    """Least recently used streams first out, once all rows together are too heavy. Safe for several threads."""

    def __init__(self, max_bytes: int = REMEMBERED_BYTES) -> None:
        self.build: str | None = None
        """The fact inline_projections as of which everything here is true; None as long as that is unknown."""
        self._max_bytes = max_bytes
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._weight = 0
        self._lock = Lock()

    def recall(self, rows: Rows, batch: Sequence[Recorded], missed: Mapping[str, Sequence[Event]]) -> list[Recorded]:
        """Presets the rows of streams that this process wrote last, or that only the missed events have changed since.

        Returns those of the missed events that have to be applied to the rows before the batch.
        """
        tables = set(rows.projection.tables)
        behind: list[Recorded] = []
        with self._lock:
            for stream, (first, _) in _versions(batch).items():
                known = self._streams.get(stream)
                if known is None:
                    continue
                later = [event for event in missed.get(stream, ()) if event.originator_version > known.version]
                if known.version + len(later) == first - 1:
                    behind += [Recorded(0, event, b"") for event in later]
                    self._streams.move_to_end(stream)
                    for table in tables & known.rows.keys():
                        for key, row in known.rows[table].items():
                            rows.preset(table, key, table.copy_of(row) if row is not None else None)
        return behind

    def keep(self, written: Iterable[Rows], batch: Sequence[Recorded], build: str) -> None:
        """Takes the rows over that have just been stored; whoever wrote them does not change them any more."""
        fresh = {stream: _Stream(last) for stream, (_, last) in _versions(batch).items()}
        for rows in written:
            for table, key, row in rows.known():
                known = fresh.get(f"{table.stream}-{key[0]}") if table.stream else None
                if known is not None:
                    known.rows.setdefault(table, {})[key] = row
                    known.weight += _weight(table, row)
        with self._lock:
            if build != self.build:
                self._clear()
                self.build = build
            for stream, known in fresh.items():
                self._drop(stream)
                if known.rows and known.weight <= self._max_bytes // 8:
                    self._streams[stream] = known
                    self._weight += known.weight
            while self._weight > self._max_bytes:
                self._drop(next(iter(self._streams)))

    def forget(self) -> None:
        """Nothing is known any more."""
        with self._lock:
            self._clear()
            self.build = None

    def _clear(self) -> None:
        self._streams.clear()
        self._weight = 0

    def _drop(self, stream: str) -> None:
        known = self._streams.pop(stream, None)
        if known is not None:
            self._weight -= known.weight


def _versions(batch: Iterable[Recorded]) -> dict[str, tuple[int, int]]:
    """First and last version of each stream in the batch."""
    versions: dict[str, tuple[int, int]] = {}
    for recorded in batch:
        event = recorded.event
        first, _ = versions.get(event.originator_id, (event.originator_version, 0))
        versions[event.originator_id] = (first, event.originator_version)
    return versions


def _weight(table: Table[Any], row: Any) -> int:
    if row is None:
        return ROW_BYTES
    # Characters take up to four bytes each, and of a text that is not ASCII Python keeps the UTF-8 as well.
    return ROW_BYTES + sum(map(sys.getsizeof, filter(None, table.texts_of(row))))
