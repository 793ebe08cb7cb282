"""Three-way merging of texts: by lines, and inside lines that both sides changed by words, or by characters where a script
sets no blanks between words.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from merge3 import Merge3

from eventstore.words import words_of

LONGEST_CHANGE = 200_000
"""Characters. Longer changed stretches are not compared: that takes time that grows with the square of their length."""
MOST_UNITS = 5_000
MOST_COMPARED = 1_000_000
"""Pairs of words. As many are compared closely, in some 0.03 s; among more, frequent words are passed over."""


def merged(base: str, mine: str, theirs: str) -> str | None:
    """The text with the changes of both sides, None when they touch each other."""
    if mine in (base, theirs):
        return theirs
    if theirs == base:
        return mine
    head, tail = _unchanged(base, mine, theirs)
    stretch = [text[head : len(text) - tail] for text in (base, mine, theirs)]
    if max(map(len, stretch)) > LONGEST_CHANGE:
        return None
    middle = _merged_lines(*stretch)
    return None if middle is None else base[:head] + middle + base[len(base) - tail :]


def _unchanged(*texts: str) -> tuple[int, int]:
    """Characters in whole lines that all texts have in common at their beginnings and ends."""
    shortest = min(map(len, texts))
    low, high = 0, shortest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len({text[:middle] for text in texts}) == 1 else (low, middle - 1)
    head = texts[0].rfind("\n", 0, low) + 1
    low, high = 0, shortest - head
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len({text[len(text) - middle :] for text in texts}) == 1 else (low, middle - 1)
    line_break = texts[0].find("\n", len(texts[0]) - low)
    tail = len(texts[0]) - line_break - 1 if line_break >= 0 and low else 0
    return head, tail


def _merged_lines(base: str, mine: str, theirs: str) -> str | None:
    a, b, c = (text.splitlines(keepends=True) for text in (base, mine, theirs))
    if max(len(a), len(b), len(c)) > MOST_UNITS:
        return None
    groups = [(group[0], group[1:]) for group in Merge3(a, b, c).merge_groups()]
    changed_twice = [[words_of("".join(part)) for part in parts] for kind, parts in groups if kind == "conflict"]
    if any(not old or max(map(len, (old, *new))) > MOST_UNITS for old, *new in changed_twice):
        return None
    closely = sum(len(old) * max(map(len, new)) for old, *new in changed_twice) <= MOST_COMPARED
    words = iter(changed_twice)
    merged_parts: list[str] = []
    for kind, parts in groups:
        both = _merged_words(*next(words), closely=closely) if kind == "conflict" else parts[0]
        if both is None:
            return None
        merged_parts.extend(both)
    return "".join(merged_parts)


def _merged_words(base: list[str], mine: list[str], theirs: list[str], *, closely: bool) -> list[str] | None:
    matcher: Any = _Closely if closely else None
    groups = list(Merge3(base, mine, theirs, sequence_matcher=matcher).merge_groups())
    return None if any(group[0] == "conflict" for group in groups) else [word for group in groups for word in group[1]]


class _Closely(SequenceMatcher[str]):
    """Finds also what is said often: in a long paragraph without blanks that is most of the characters."""

    def __init__(self, isjunk: None, a: Sequence[str], b: Sequence[str]) -> None:
        super().__init__(isjunk, a, b, autojunk=False)
