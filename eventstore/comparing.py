"""Comparing texts piece by piece, with an end to the work whatever the texts are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import accumulate, islice, takewhile

MOST_STEPS = 2_000_000
"""Pairs of equal pieces that are looked at, in some 0.3 s. The library looks at all of a stretch once more for each match that it
finds there: without an end to that, the time would grow with the cube of the length where pieces repeat.
"""
LOOKS_RESERVED = 10
"""For so many looks as dear as the first there have to be steps left, else frequent pieces are passed over. All looks together usually
take five times as much as the first.
"""


@dataclass(slots=True)
class Budget:
    """The steps left for all comparisons that belong together."""

    steps: int = MOST_STEPS


class Comparison(SequenceMatcher[str]):
    """Finds the longest stretches in common for as long as the budget lasts; of the rest, what both begin and end with."""

    a: Sequence[str]
    b: Sequence[str]
    b2j: dict[str, list[int]]
    """Where each piece is in `b`; pieces that are passed over are not in it."""

    def __init__(self, a: Sequence[str], b: Sequence[str], budget: Budget) -> None:
        self._budget = budget
        super().__init__(None, a, b, autojunk=False)
        self._before = self._counted()
        if self._before[-1] > budget.steps // LOOKS_RESERVED:
            super().__init__(None, a, b, autojunk=True)
            self._before = self._counted()

    def _counted(self) -> list[int]:
        """The steps of a look at all of `a` before each of its pieces."""
        return list(accumulate((1 + len(self.b2j.get(piece, ())) for piece in self.a), initial=0))

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        ahi = len(self.a) if ahi is None else ahi
        bhi = len(self.b) if bhi is None else bhi
        steps = self._before[ahi] - self._before[alo]
        if steps <= self._budget.steps:
            self._budget.steps -= steps
            return super().find_longest_match(alo, ahi, blo, bhi)
        head, tail = common_ends(self.a[alo:ahi], self.b[blo:bhi])
        return Match(alo, blo, head) if head else Match(ahi - tail, bhi - tail, tail)


def common_ends(*texts: Sequence[str]) -> tuple[int, int]:
    """How many pieces all have in common at the beginning, and of the rest at the end."""
    shortest = min(map(len, texts))
    head = _in_common(map(iter, texts))
    return head, _in_common(islice(reversed(text), shortest - head) for text in texts)


def _in_common(texts: Iterable[Iterator[str]]) -> int:
    return sum(1 for _ in takewhile(lambda pieces: len(set(pieces)) == 1, zip(*texts, strict=False)))
