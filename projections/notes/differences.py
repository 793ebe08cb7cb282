"""What changed between two texts: as a unified diff, and word by word."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from eventstore.words import words_of

MOST_LINES = 20_000
MOST_WORDS = 4_000
"""Longer stretches are shown as removed and added whole: comparing them takes time that grows with their square."""


def unified_diff(old: str, new: str, old_name: str, new_name: str) -> str:
    """A unified diff with three lines of context; empty for equal texts."""
    a, b = old.splitlines(), new.splitlines()
    if len(a) + len(b) > MOST_LINES:
        start, end = _common(a, b)
        a_changed, b_changed = a[start : len(a) - end], b[start : len(b) - end]
        header = [f"--- {old_name}", f"+++ {new_name}", f"@@ -{start + 1},{len(a_changed)} +{start + 1},{len(b_changed)} @@"]
        return "\n".join([*header, *(f"-{line}" for line in a_changed), *(f"+{line}" for line in b_changed)])
    return "\n".join(difflib.unified_diff(a, b, old_name, new_name, lineterm=""))


def word_diff(old: str, new: str) -> list[dict[str, Any]]:
    """The new text as a list of {op, text}: equal, delete or insert; equal and insert together are the new text."""
    joined: list[dict[str, Any]] = []
    for op, text in _word_steps(old, new):
        if not text:
            continue
        if joined and joined[-1]["op"] == op:
            joined[-1]["text"] += text
        else:
            joined.append({"op": op, "text": text})
    return joined


def _word_steps(old: str, new: str) -> Iterator[tuple[str, str]]:
    a, b = old.splitlines(keepends=True), new.splitlines(keepends=True)
    start, end = _common(a, b)
    yield "equal", "".join(a[:start])
    a_changed, b_changed = a[start : len(a) - end], b[start : len(b) - end]
    if len(a_changed) + len(b_changed) > MOST_LINES:
        yield "delete", "".join(a_changed)
        yield "insert", "".join(b_changed)
    else:
        for op, i, j, k, m in difflib.SequenceMatcher(None, a_changed, b_changed).get_opcodes():
            before, after = "".join(a_changed[i:j]), "".join(b_changed[k:m])
            if op == "equal":
                yield "equal", after
            else:
                yield from _inside_lines(before, after)
    yield "equal", "".join(a[len(a) - end :]) if end else ""


def _inside_lines(before: str, after: str) -> Iterator[tuple[str, str]]:
    a, b = words_of(before), words_of(after)
    if not a or not b or len(a) + len(b) > MOST_WORDS:
        yield "delete", before
        yield "insert", after
        return
    for op, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if op == "equal":
            yield "equal", "".join(b[k:m])
        else:
            yield "delete", "".join(a[i:j])
            yield "insert", "".join(b[k:m])


def _common(a: list[str], b: list[str]) -> tuple[int, int]:
    limit = min(len(a), len(b))
    start = 0
    while start < limit and a[start] == b[start]:
        start += 1
    end = 0
    while end < limit - start and a[len(a) - 1 - end] == b[len(b) - 1 - end]:
        end += 1
    return start, end
