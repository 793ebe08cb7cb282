"""Three-way merging of texts: by lines, and inside lines that both sides changed by words, or by characters where a script
sets no blanks between words. What both sides inserted at one place follows one upon the other; where they changed the same, the later
side's lines stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from merge3 import Merge3

from eventstore.words import words_of

LONGEST_CHANGE = 200_000
"""Characters. Longer changed stretches are not compared: that takes time that grows with the square of their length."""
MOST_UNITS = 5_000
MOST_COMPARED = 1_000_000
"""Pairs of words. As many are compared closely, in some 0.03 s; among more, frequent words are passed over."""


class Merge(NamedTuple):
    """Two changes of one text, put together."""

    text: str
    touching: bool = False
    """Whether both sides changed the same place."""
    overwrites: bool = False
    """Whether something that `mine` says there is not in the text, since `theirs` says something else."""


def merge(base: str, mine: str, theirs: str) -> Merge:
    """The text with the changes of both sides; of texts that are too long to be compared `theirs` alone."""
    if mine in (base, theirs):
        return Merge(theirs)
    if theirs == base:
        return Merge(mine)
    # What follows the last line is a change behind it, not one of it.
    texts = [text + "\n" for text in (base, mine, theirs)]
    head, tail = _unchanged(*texts)
    stretch = [text[head : len(text) - tail] for text in texts]
    middle = None if max(map(len, stretch)) > LONGEST_CHANGE else _merged_lines(*stretch)
    if middle is None:
        return Merge(theirs, touching=True, overwrites=True)
    whole = texts[0][:head] + middle.text + texts[0][len(texts[0]) - tail :]
    return middle._replace(text=whole.removesuffix("\n"))


def merged(base: str, mine: str, theirs: str) -> str | None:
    """The text with the changes of both sides, None when they touch each other."""
    both = merge(base, mine, theirs)
    return None if both.touching else both.text


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


def _merged_lines(base: str, mine: str, theirs: str) -> Merge | None:
    a, b, c = (text.splitlines(keepends=True) for text in (base, mine, theirs))
    if max(len(a), len(b), len(c)) > MOST_UNITS:
        return None
    groups = [(group[0], ["".join(part) for part in group[1:]]) for group in Merge3(a, b, c).merge_groups()]
    changed_twice = [[words_of(part) for part in parts] for kind, parts in groups if kind == "conflict"]
    closely = sum(len(old) * max(map(len, new)) for old, *new in changed_twice) <= MOST_COMPARED
    words = iter(changed_twice)
    merges = [_merged_twice(parts, next(words), closely=closely) if kind == "conflict" else Merge(parts[0]) for kind, parts in groups]
    return Merge("".join(part.text for part in merges), any(part.touching for part in merges), any(part.overwrites for part in merges))


def _merged_twice(parts: Sequence[str], words: Sequence[list[str]], *, closely: bool) -> Merge:
    """Lines that both sides changed: base, mine and theirs, as texts and as words."""
    old, mine, theirs = parts
    if not old:
        return Merge(_one_upon_the_other(mine, theirs), touching=True)
    both = _merged_words(*words, closely=closely) if max(map(len, words)) <= MOST_UNITS else None
    return Merge(theirs, touching=True, overwrites=True) if both is None else Merge("".join(both))


def _one_upon_the_other(mine: str, theirs: str) -> str:
    """What both sides inserted; once where one of them goes on with what the other says."""
    for shorter, longer in ((mine, theirs), (theirs, mine)):
        if longer.startswith(shorter.removesuffix("\n")):
            return longer
    return mine + theirs


def _merged_words(base: list[str], mine: list[str], theirs: list[str], *, closely: bool) -> list[str] | None:
    matcher: Any = _Closely if closely else None
    groups = list(Merge3(base, mine, theirs, sequence_matcher=matcher).merge_groups())
    return None if any(group[0] == "conflict" for group in groups) else [word for group in groups for word in group[1]]


class _Closely(SequenceMatcher[str]):
    """Finds also what is said often: in a long paragraph without blanks that is most of the characters."""

    def __init__(self, isjunk: None, a: Sequence[str], b: Sequence[str]) -> None:
        super().__init__(isjunk, a, b, autojunk=False)
