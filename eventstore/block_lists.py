"""How events tell what changed in a note's list of blocks, and how lists are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from eventstore.blocks import Block


def list_splice(old: Sequence[Block], new: Sequence[Block]) -> tuple[int, int, Sequence[Block]]:
    """The one span of the list that differs: (where it begins, how many of the old go, what comes instead)."""
    limit = min(len(old), len(new))
    at = kept = 0
    while at < limit and old[at] == new[at]:
        at += 1
    limit -= at
    while kept < limit and old[len(old) - 1 - kept] == new[len(new) - 1 - kept]:
        kept += 1
    return at, len(old) - at - kept, new[at : len(new) - kept]


def list_spliced(
    old: Sequence[Block], at: int, removed: int, inserted: Sequence[Sequence[Any]], texts: Sequence[Any] | None = None
) -> tuple[Block, ...]:
    """The list after such a change, as events tell it: see NoteBlocksWritten."""
    if texts is None:
        return (*old[:at], *blocks_from(inserted), *old[at + removed :])
    start, gone, come = texts
    joined = texts_of(old[at : at + removed])
    joined = joined[:start] + come + joined[start + gone :]
    blocks, end = [], 0
    for block_id, block_type, length, *others in inserted:
        blocks.append(Block(block_id, block_type, joined[end : end + length], *others))
        end += length
    return (*old[:at], *blocks, *old[at + removed :])


def blocks_from(stored: Iterable[Sequence[Any]]) -> tuple[Block, ...]:
    """Blocks that were stored as lists of their members."""
    return tuple(Block(*values) for values in stored)


def texts_of(blocks: Iterable[Block]) -> str:
    """The texts of blocks, joined."""
    return "".join(block.text for block in blocks)
