"""A search from beginning to end, for every door: candidates, their order (worked out in a thread), the page of what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from projections.notes.lists import Wanted
from projections.reading import Query
from projections.search.queries import alike, candidates, found_notes, read_candidates
from projections.search.ranking import Candidate, Ranked, rank
from projections.search.snippets import snippet
from projections.search.text import query_words

Ask = Callable[[Query], Awaitable[tuple[Any, ...]]]
"""Asks with the rights of the caller."""

FEW = 20
"""With fewer matches than this, misspelt words are thought of."""


async def search_notes(ask: Ask, wanted: Wanted, query: str, limit: int, offset: int) -> tuple[bytes, int, bool]:
    """(JSON list of the page, number of all matches, whether there are more behind it)."""
    words = query_words(query)
    if not words:
        return b"[]", 0, False
    answer, others = await ask(candidates(wanted, query, words))
    pool, ranked = await asyncio.to_thread(_rank, answer, {}, query, words, offset + limit)
    if ranked.total < FEW and others:
        more, _ = await ask(alike(wanted, query, words))
        pool, ranked = await asyncio.to_thread(_rank, more, pool, query, words, offset + limit)
    page = ranked.note_ids[offset : offset + limit]
    if not page:
        return b"[]", ranked.total, False
    items, fragments = await ask(found_notes(wanted, page, words))
    return _rendered(items or [], fragments or [], words), ranked.total, offset + limit < ranked.total


def _rank(answer: bytes, pool: Mapping[int, Candidate], query: str, words: list[str], end: int) -> tuple[dict[int, Candidate], Ranked]:
    together = {**pool, **{candidate.note_id: candidate for candidate in read_candidates(answer)}}
    return together, rank(query, words, together.values(), end)


def _rendered(items: list[str], fragments: list[Any], words: list[str]) -> bytes:
    shown = (
        f'{item[:-1]},"snippet":{orjson.dumps(snippet(fragment or "", words)).decode()}}}'
        for item, fragment in zip(items, fragments, strict=True)
    )
    return f"[{','.join(shown)}]".encode()
