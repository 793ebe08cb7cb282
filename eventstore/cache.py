"""Aggregates that are kept in memory between commands, bounded by what they weigh."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from threading import Lock
from typing import Any

from eventsourcing.application import Cache

CACHED_BYTES = 16 * 2**20
OBJECT_BYTES, POINTER_BYTES, ITEM_BYTES = 48, 8, 100
"""What a value that is no text takes, about; what it takes more for each of its members; and a dictionary for each of its items."""


class AggregateCache(Cache[str, Any]):
    """Least recently used first out, once all of them together are too heavy. Safe for several threads.

    It takes copies in and hands copies out: what it keeps never changes, so that no thread sees another one's half-done replay.
    """

    def __init__(self, max_bytes: int = CACHED_BYTES) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = Lock()
        self._entries: OrderedDict[str, tuple[Any, int, int]] = OrderedDict()

    def get(self, key: str, *, evict: bool = False) -> Any:
        """The aggregate. Raises KeyError when it is not there. evict: takes it out."""
        with self._lock:
            value, weight, _ = entry = self._entries.pop(key)
            if evict:
                self._bytes -= weight
            else:
                self._entries[key] = entry
        return value.copy()

    def version_of(self, key: str) -> int | None:
        """The version that is kept, None when there is none."""
        with self._lock:
            entry = self._entries.get(key)
            return entry[2] if entry is not None else None

    def put(self, key: str, value: Any) -> None:
        """Keeps an aggregate, unless it is too heavy alone."""
        kept = value.copy()
        with self._lock:
            self._replace(key, kept)

    def renew(self, key: str, value: Any) -> None:
        """Keeps an aggregate that has taken in events since it was handed out, if an older one is still there."""
        known = self.version_of(key)
        if known is None or known >= value.version:
            return
        kept = value.copy()
        with self._lock:
            # Not if it was taken out meanwhile: it may have been forgotten.
            if key in self._entries and self._entries[key][2] < kept.version:
                self._replace(key, kept)

    def drop(self, key: str) -> None:
        """Keeps it no longer, if it is there."""
        with suppress(KeyError):
            self.get(key, evict=True)

    def _replace(self, key: str, value: Any) -> None:
        if key in self._entries:
            self._bytes -= self._entries.pop(key)[1]
        self._add(key, value)

    def _add(self, key: str, value: Any) -> None:
        weight = _weight(value)
        if weight > self._max_bytes:
            return
        self._entries[key] = (value, weight, value.version)
        self._bytes += weight
        while self._bytes > self._max_bytes:
            _, (_, lighter_by, _) = self._entries.popitem(last=False)
            self._bytes -= lighter_by


def _weight(aggregate: Any) -> int:
    """Bytes of memory, about: what values share is counted for each."""
    weight = 0
    heap: list[Iterable[Any]] = [vars(aggregate).values()]
    while heap:
        for value in heap.pop():
            kind = type(value)
            if kind is str or kind is bytes:
                weight += sys.getsizeof(value)
                continue
            weight += OBJECT_BYTES
            if value and (kind is tuple or kind is frozenset):
                weight += POINTER_BYTES * len(value)
                heap.append(value)
            elif value and kind is dict:
                weight += ITEM_BYTES * len(value)
                heap.append(value.values())
    return weight
