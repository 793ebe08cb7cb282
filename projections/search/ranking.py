"""The order of what was found (contract: notes 10): words found, words in the title, likeness, then the newest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import heapify, heappop, heappush

from rapidfuzz.distance import LCSseq

from projections.search.text import LONGEST_QUERY, different_words, folded, unaccented

LIKE_ENOUGH = 0.45
"""Without a word in common, a note has to be as like as this."""
CONTENT_HEAD = 400
WHOLE_HEAD = 500


@dataclass(slots=True)
class Candidate:
    """A note that may match. All texts in lower case."""

    note_id: int
    last_edit: int
    """Microseconds since the epoch."""
    title: str
    description: str | None
    head: str | None
    """The first 500 characters of the content. None for texts that are too long to be like the query."""
    held: str
    """For each different word of the query, the longest first, 1 or 0: whether one of the note's texts holds it."""


@dataclass(slots=True)
class Ranked:
    """The matches: how many there are, and the ids of those up to the end of the wanted page, best first."""

    total: int
    note_ids: list[int]


def rank(query: str, words: Sequence[str], candidates: Iterable[Candidate], wanted: int) -> Ranked:
    """Orders the candidates that match. Likeness, which is dear, is only worked out where it can change the first `wanted`."""
    query = folded(query).strip()[:LONGEST_QUERY]
    likeness = Likeness(query)
    different = different_words(words)
    bare = [unaccented(word) for word in different]
    # (bound or score, age, title, id, points for words, None once it is the score).
    found: list[tuple[float, int, str, int, int, Candidate | None]] = []
    for candidate in candidates:
        hits, title_hits = _hits(words, different, candidate)
        if not hits:
            ratio = likeness.of(candidate, at_least=LIKE_ENOUGH)
            if ratio >= LIKE_ENOUGH or _alike_without_accents(bare, candidate):
                found.append((-ratio, -candidate.last_edit, candidate.title, candidate.note_id, 0, None))
            continue
        base = 10 * hits + 5 * title_hits
        bound = base + likeness.bound(candidate)
        found.append((-bound, -candidate.last_edit, candidate.title, candidate.note_id, base, candidate))
    total = len(found)
    heapify(found)
    best: list[int] = []
    while found and len(best) < wanted:
        _, edited, title, note_id, base, uncertain = heappop(found)
        if uncertain is None:
            best.append(note_id)
        else:
            heappush(found, (-(base + likeness.of(uncertain)), edited, title, note_id, base, None))
    return Ranked(total, best)


def _hits(words: Sequence[str], different: Sequence[str], candidate: Candidate) -> tuple[int, int]:
    held = {
        word
        for word, is_held in zip(different, candidate.held, strict=True)
        if is_held == "1" or word in candidate.title or word in (candidate.description or "")
    }
    return sum(word in held for word in words), sum(word in candidate.title for word in words)


def _texts(candidate: Candidate) -> Iterator[str]:
    title, description, head = candidate.title, candidate.description, candidate.head
    yield title
    if description:
        yield description
    if head:
        yield head[:CONTENT_HEAD]
    if description is not None and head is not None:
        yield f"{title} {description} {head}"[:WHOLE_HEAD]


class Likeness:
    """How like texts are to one query. A bound that is quickly found spares most of the dear comparisons."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._matcher: SequenceMatcher[str] = SequenceMatcher(None, query)

    def bound(self, candidate: Candidate) -> float:
        """What the likeness of the candidate can be at most."""
        return max(map(self._bound, _texts(candidate)))

    def _bound(self, text: str) -> float:
        """No ratio is greater: as if the longest run of letters that both have in the same order, with gaps or without, were common to
        them.
        """
        return 2.0 * LCSseq.similarity(self._query, text) / (len(self._query) + len(text) or 1)

    def of(self, candidate: Candidate, at_least: float = 0.0) -> float:
        """The greatest ratio of the query against a text; any value below `at_least` when it is not reached."""
        best = 0.0
        for bound, text in sorted(((self._bound(text), text) for text in _texts(candidate)), reverse=True):
            if bound <= best or bound < at_least:
                break
            self._matcher.set_seq2(text)
            best = max(best, self._matcher.ratio())
        return best


def _alike_without_accents(bare: Sequence[str], candidate: Candidate) -> bool:
    """Whether all words are there when accents do not count."""
    text = unaccented(f"{candidate.title} {candidate.description or ''} {candidate.head or ''}")
    return bool(bare) and all(word in text for word in bare)
