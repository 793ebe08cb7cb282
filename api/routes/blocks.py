"""Blocks of notes, one by one (contract: notes 7)."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

from api.call import Call
from api.note_access import author_only, block_author_only, readable
from api.routes.notes import given_block
from api.routing import Route
from api.schemas.messages import MessageOut
from api.schemas.notes import BlockIn, BlockOrder, BlockOut, SingleBlockIn
from api.writing import carry_out
from commands.errors import NotFound
from commands.notes.blocks import add_block, change_block, delete_block, reorder_blocks
from eventstore.block_ids import note_of
from projections.notes.queries import get_blocks


async def list_blocks(call: Call) -> bytes:
    """The blocks of a note, in order."""
    row = await call.ask(get_blocks(call.path["note_id"]))
    readable(row)
    blocks: bytes = row[1]
    return blocks


async def get(call: Call) -> bytes:
    """One block."""
    block_id = call.path["block_id"]
    row = await call.ask(get_blocks(note_of(block_id)))
    if row[0] is None:
        raise NotFound("NoteBlock")
    readable(row)
    return _block(row, block_id)


def add(call: Call) -> Response:
    """Appends a block; the text of the note is rebuilt."""
    account_id, note_id, given = call.account_id, call.path["note_id"], given_block(call.body)
    return carry_out(
        call,
        lambda work: add_block(work, account_id, note_id, given),
        lambda block_id, row: (201, _block(row, block_id)),
        answer=lambda _: get_blocks(note_id),
    )


def change(call: Call) -> Response:
    """Changes the fields that were sent; the text of the note is rebuilt."""
    account_id, block_id = call.account_id, call.path["block_id"]
    changes = call.body.sent()
    if "is_AI_generated" in changes:
        changes["is_ai_generated"] = changes.pop("is_AI_generated")
    return carry_out(
        call,
        lambda work: change_block(work, account_id, block_id, changes),
        lambda _, row: (200, _block(row, block_id)),
        answer=get_blocks,
    )


def delete(call: Call) -> Response:
    """Takes a block out; the text of the note is rebuilt."""
    account_id, block_id = call.account_id, call.path["block_id"]
    return carry_out(call, lambda work: delete_block(work, account_id, block_id), lambda _gone, _row: (204, b""))


def reorder(call: Call) -> Response:
    """Arranges the blocks in another order; the text of the note is rebuilt."""
    account_id, note_id, order = call.account_id, call.path["note_id"], call.body.ordered_block_ids
    return carry_out(
        call,
        lambda work: reorder_blocks(work, account_id, note_id, order),
        lambda _done, _row: (200, b'{"message":"Blocks reordered."}'),
    )


def _block(row: tuple[Any, ...] | None, block_id: int) -> bytes:
    blocks = orjson.loads(row[1]) if row is not None and row[1] is not None else []
    for block in blocks:
        if block["id"] == block_id:
            return orjson.dumps(block)
    raise NotFound("NoteBlock")


ROUTES = [
    Route("GET", "/notes/{note_id:int}/blocks/", list_blocks, "List a note's blocks", caller="open", answer=list[BlockOut]),
    Route(
        "POST", "/notes/{note_id:int}/blocks/", add, "Append a block", body=SingleBlockIn, answer=BlockOut, status=201,
        guard=author_only("add blocks"),
        examples={"code": {"block_type": "C", "text": "print(42)", "args": "python"}},
    ),
    Route("GET", "/blocks/{block_id:int}/", get, "Read a block", caller="open", answer=BlockOut),
    Route(
        "PATCH", "/blocks/{block_id:int}/", change, "Change a block", body=BlockIn.partial(), answer=BlockOut,
        guard=block_author_only("update this block"),
        examples={"text": {"text": "Membranes are fluid."}},
    ),
    Route("DELETE", "/blocks/{block_id:int}/", delete, "Delete a block", status=204, refusals=[403]),
    Route(
        "POST", "/notes/{note_id:int}/reorder/", reorder, "Reorder a note's blocks", body=BlockOrder, answer=MessageOut,
        guard=author_only("reorder blocks"),
        examples={"order": {"ordered_block_ids": [226848473, 221673579]}},
    ),
]  # fmt: skip
