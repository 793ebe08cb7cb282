"""The ids of blocks: which note one belongs to, and which are free."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

ID_BITS = 24
"""A block's id is its note's id and so many bits that follow from what it says, so equal blocks keep their ids."""
_LOW_BITS = (1 << ID_BITS) - 1


def new_block_id(note_id: int, seed: str, taken: dict[int, int]) -> int:
    """An id for a block that is written as one; seed: anything that differs from block to block. taken: see `taken_ids`."""
    return free_id(note_id, crc32(seed.encode()), taken)


def taken_ids(note_id: int, ids: Iterable[int]) -> dict[int, int]:
    """Those of the ids that are of the note, for `free_id`: low bits -> where to look for free ones from there on."""
    return {block_id & _LOW_BITS: (block_id + 1) & _LOW_BITS for block_id in ids if note_of(block_id) == note_id}


def note_of(block_id: int) -> int:
    """The note that a block's id belongs to."""
    return block_id >> ID_BITS


def free_id(note_id: int, seed: int, taken: dict[int, int]) -> int:
    """The first free id from the seed on, which is taken then.

    Whoever writes the note can choose texts with the same seed. So each id that was passed points behind the one that was
    found: however the seeds fall, finding ids for n blocks takes some n log n steps, not a walk over all taken ones for each.
    """
    low, passed = seed & _LOW_BITS, []
    while low in taken:
        passed.append(low)
        low = taken[low]
    for place in (*passed, low):
        taken[place] = (low + 1) & _LOW_BITS
    return (note_id << ID_BITS) + low
