"""Answering a search: candidates from the read models, their order worked out in a thread, the page of what was found."""

from __future__ import annotations

from typing import Any

import orjson

from api.call import Call
from projections.notes.lists import Wanted
from projections.search.queries import NEWEST, alike, candidates, found_notes, read_candidates
from projections.search.ranking import Candidate, Ranked, rank
from projections.search.snippets import snippet
from projections.search.text import query_words

FEW = 20
"""With fewer matches than this, misspelt words are thought of."""


async def search_notes(call: Call, wanted: Wanted, query: str, limit: int, offset: int) -> tuple[bytes, int, bool]:
    """(JSON list of the page, number of all matches, whether there are more behind it)."""
    words = query_words(query)
    if not words:
        return b"[]", 0, False
    answer, count = await call.ask(candidates(wanted, query, words))
    pool, ranked = await call.in_thread(_rank, answer, {}, query, words, offset + limit)
    if ranked.total < FEW and count >= NEWEST:
        more, _ = await call.ask(alike(wanted, query, words))
        pool, ranked = await call.in_thread(_rank, more, pool, query, words, offset + limit)
    page = ranked.note_ids[offset : offset + limit]
    if not page:
        return b"[]", ranked.total, False
    items, fragments = await call.ask(found_notes(wanted, page, words))
    return _rendered(items or [], fragments or [], words), ranked.total, offset + limit < ranked.total


def _rank(answer: bytes, pool: dict[int, Candidate], query: str, words: list[str], end: int) -> tuple[dict[int, Candidate], Ranked]:
    pool = pool | {candidate.note_id: candidate for candidate in read_candidates(answer)}
    return pool, rank(query, words, pool.values(), end)


def _rendered(items: list[str], fragments: list[Any], words: list[str]) -> bytes:
    shown = (
        f'{item[:-1]},"snippet":{orjson.dumps(snippet(fragment or "", words)).decode()}}}'
        for item, fragment in zip(items, fragments, strict=True)
    )
    return f"[{','.join(shown)}]".encode()
