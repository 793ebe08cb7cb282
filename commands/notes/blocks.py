"""Writing a note block by block; the text follows (contract: notes 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from commands.errors import Forbidden, NotFound, Refused
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.access import as_wire_time, own_note
from commands.notes.aggregate import Note
from eventstore.block_ids import free_id, new_block_id, note_of, taken_ids
from eventstore.blocks import Block, Piece, blocks_of, content_of, markdown, normalized, pieces_of

MOST_PIECES = 20
"""A block whose text reads as more blocks than that is not looked for in a text."""
INCOMPLETE_ORDER = "Reorder list must contain all block ids exactly once."


class GivenBlock(BaseModel):
    """A block as clients send it."""

    model_config = ConfigDict(frozen=True)

    block_type: str = "N"
    text: str = ""
    args: str | None = None
    is_ai_generated: bool = False


def arranged(note_id: int, present: Sequence[Block], given: Sequence[GivenBlock], seed: int, now: datetime) -> list[Block]:
    """The given blocks; those that say what a present one does are that one."""
    kept: dict[tuple[Piece, bool], list[Block]] = {}
    for block in present:
        kept.setdefault((block.piece, block.is_ai_generated), []).append(block)
    blocks: list[Block] = []
    fresh: list[int] = []
    for place, item in enumerate(given):
        piece = Piece(item.block_type, normalized(item.block_type, item.text), item.args or None)
        same = kept.get((piece, item.is_ai_generated))
        if same:
            blocks.append(same.pop(0))
        else:
            fresh.append(place)
            stamp = as_wire_time(now)
            blocks.append(Block(0, *piece, item.is_ai_generated, stamp, stamp))
    taken = taken_ids(note_id, (block.id for block in present))
    for place in fresh:
        blocks[place] = blocks[place]._replace(id=new_block_id(note_id, f"{seed}.{place}", taken))
    return blocks


def write_given_blocks(note: Note, given: Sequence[GivenBlock], now: datetime) -> None:
    """Replaces all blocks; the text is rebuilt from them."""
    _write(note, arranged(note.number, _dated(note), given, note.version, now), now)


def write_blocks_beside(note: Note, text: str, given: Sequence[GivenBlock], now: datetime) -> None:
    """Replaces text and all blocks by what came in, though they may say different things."""
    blocks = arranged(note.number, _dated(note), given, note.version, now)
    if text != note.content:
        note.write(text, now)
    note.write_blocks(blocks, now)


def add_block(work: Work[Lookups], account_id: int, note_id: int, given: GivenBlock) -> int:
    """Appends a block; returns its id."""
    note = own_note(work, account_id, note_id, "add blocks")
    now = work.context.now
    blocks = _dated(note)
    stamp = as_wire_time(now)
    block_id = new_block_id(note_id, f"{note.version}.+", taken_ids(note_id, (block.id for block in blocks)))
    text = normalized(given.block_type, given.text)
    added = Block(block_id, given.block_type, text, given.args or None, given.is_ai_generated, stamp, stamp)
    _write(note, [*blocks, added], now)
    return block_id


def change_block(work: Work[Lookups], account_id: int, block_id: int, changes: dict[str, Any]) -> int:
    """Changes what is given of block_type, text, args and is_ai_generated; returns the note's id."""
    note, blocks, place = _own_block(work, account_id, block_id, "update this block")
    now = work.context.now
    block = blocks[place]._replace(**changes)
    block = block._replace(text=normalized(block.block_type, block.text), args=block.args or None)
    if block != blocks[place]:
        blocks[place] = block._replace(edited=as_wire_time(now))
    _write(note, blocks, now)
    return note.number


def delete_block(work: Work[Lookups], account_id: int, block_id: int) -> None:
    """Takes a block out."""
    note, blocks, place = _own_block(work, account_id, block_id, "delete this block")
    del blocks[place]
    _write(note, blocks, work.context.now)


def reorder_blocks(work: Work[Lookups], account_id: int, note_id: int, order: Sequence[int]) -> None:
    """Arranges the blocks in this order, which has to name each of them once."""
    note = own_note(work, account_id, note_id, "reorder blocks")
    blocks = {block.id: block for block in _dated(note)}
    if len(order) != len(blocks) or set(order) != set(blocks):
        raise Refused([INCOMPLETE_ORDER])
    _write(note, [blocks[block_id] for block_id in order], work.context.now)


def led_back(was: Sequence[Block], made: Sequence[Block], present: Sequence[Block]) -> list[Block]:
    """The present blocks, those that a change from `was` to `made` touched as they were before it; at last those that are gone."""
    former, touched = ({block.id: block for block in blocks} for blocks in (was, made))
    ids = {block.id for block in present}
    return [
        *(former.get(block.id, block) if block == touched.get(block.id) else block for block in present),
        *(block for block in was if block.id not in ids),
    ]


def still_standing(note: Note, known: Sequence[Block]) -> list[Block]:
    """The blocks of the note's text: known ones, the first first, as far as the text says what they do, new ones for the rest."""
    read = blocks_of(note.number, note.title, note.content, ())
    if not any(block.block_type == "T" for block in known) and read[0].piece == Piece("T", note.title, None):
        read = read[1:]
    standing: dict[str, list[Block]] = {}
    for block in known:
        standing.setdefault(markdown(block.piece, note.title), []).append(block)
    counts = {len(pieces_of(said)) if "\n\n" in said else 1 for said in standing}
    lengths = sorted((count for count in counts if count <= MOST_PIECES), reverse=True)
    lines = [markdown(block.piece, note.title) for block in read]
    taken = taken_ids(note.number, (block.id for block in known))
    blocks: list[Block] = []
    place = 0
    while place < len(read):
        for length in lengths:
            same = standing.get("\n\n".join(lines[place : place + length]))
            if same:
                blocks.append(same.pop(0))
                place += length
                break
        else:
            blocks.append(read[place]._replace(id=free_id(note.number, read[place].id, taken)))
            place += 1
    return blocks


def _own_block(work: Work[Lookups], account_id: int, block_id: int, doing: str) -> tuple[Note, list[Block], int]:
    note = work.find(Note, note_of(block_id))
    if note is None or note.is_deleted:
        raise NotFound("NoteBlock")
    blocks = _dated(note)
    place = next((place for place, block in enumerate(blocks) if block.id == block_id), None)
    if place is None:
        raise NotFound("NoteBlock")
    if note.owner_id != account_id:
        raise Forbidden(f"Only the owner can {doing}.")
    return note, blocks, place


def _dated(note: Note) -> list[Block]:
    """The blocks with the times that readers see, since from now on they are blocks of their own."""
    created, edited = as_wire_time(note.created_on), as_wire_time(note.text_edited_on)
    return [block._replace(created=block.created or created, edited=block.edited or edited) for block in note.blocks()]


def _write(note: Note, blocks: Sequence[Block], now: datetime) -> None:
    note.write(content_of(blocks, note.title), now)
    note.write_blocks(blocks, now)
