"""Three-way merging of texts: by lines, and by words inside lines that both sides changed."""

from __future__ import annotations

import re

from merge3 import Merge3

LONGEST_CHANGE = 200_000
"""Characters. Longer changed stretches are not compared: that takes time that grows with the square of their length."""
MOST_UNITS = 5_000

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


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
    parts: list[str] = []
    for group in Merge3(a, b, c).merge_groups():
        if group[0] == "conflict":
            words = _merged_words(*("".join(part) for part in group[1:]))
            if words is None:
                return None
            parts.append(words)
        else:
            parts.extend(group[1])
    return "".join(parts)


def _merged_words(base: str, mine: str, theirs: str) -> str | None:
    a, b, c = (_WORDS.findall(text) for text in (base, mine, theirs))
    if not base or max(len(a), len(b), len(c)) > MOST_UNITS:
        return None
    parts: list[str] = []
    for group in Merge3(a, b, c).merge_groups():
        if group[0] == "conflict":
            return None
        parts.extend(group[1])
    return "".join(parts)
