"""Names for what happens and what is made, from the system's randomness."""

from __future__ import annotations

import os
from uuid import UUID

SIZE = 16
FETCHED = 256
"""So many are fetched at once: asking the system lets another thread go first, for every request and every command."""

_ready: list[bytes] = []
# A forked process would go on with the bytes of its parent.
os.register_at_fork(after_in_child=_ready.clear)


def unique_id() -> str:
    """16 hexadecimal digits that nothing else gets."""
    return _random_bytes()[:8].hex()


def unique_uuid() -> str:
    """A random UUID, version 4."""
    return str(UUID(bytes=_random_bytes(), version=4))


def _random_bytes() -> bytes:
    """SIZE bytes that nobody can foresee and that are handed out once, whatever thread asks."""
    try:
        return _ready.pop()
    except IndexError:
        fetched = os.urandom(SIZE * FETCHED)
        first, *others = [fetched[at : at + SIZE] for at in range(0, len(fetched), SIZE)]
        _ready.extend(others)
        return first
