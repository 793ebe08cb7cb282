"""Aggregates that are kept in memory between commands, bounded by what they weigh."""

from __future__ import annotations

import sys
from collections import OrderedDict
from threading import Lock
from typing import Any

from eventsourcing.application import Cache

CACHED_BYTES = 32 * 2**20


class AggregateCache(Cache[str, Any]):
    """Least recently used first out, once all of them together are too heavy. Safe for several threads."""

    def __init__(self, max_bytes: int = CACHED_BYTES) -> None:
        super().__init__()
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = Lock()
        self._entries: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def get(self, key: str, *, evict: bool = False) -> Any:
        """The aggregate. Raises KeyError when it is not there. evict: takes it out."""
        with self._lock:
            value, weight = self._entries.pop(key)
            self._bytes -= weight
            if not evict:
                # Weighed anew: it has taken in events since.
                self._add(key, value)
            return value

    def put(self, key: str, value: Any) -> None:
        """Keeps an aggregate, unless it is too heavy alone."""
        with self._lock:
            if key in self._entries:
                self._bytes -= self._entries.pop(key)[1]
            self._add(key, value)

    def _add(self, key: str, value: Any) -> None:
        weight = _weight(vars(value))
        if weight > self._max_bytes:
            return
        self._entries[key] = (value, weight)
        self._bytes += weight
        while self._bytes > self._max_bytes:
            _, (_, lighter_by) = self._entries.popitem(last=False)
            self._bytes -= lighter_by


def _weight(value: Any) -> int:
    """Bytes of memory, about: what values share is counted for each."""
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(_weight(item) for item in value.values())
    if isinstance(value, tuple | frozenset):
        return size + sum(map(_weight, value))
    return size
