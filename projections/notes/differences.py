"""What changed between two texts: as a unified diff, and word by word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eventstore.comparing import Budget, Comparison, common_ends
from eventstore.words import words_of


def unified_diff(old: str, new: str, old_name: str, new_name: str) -> str:
    """A unified diff with three lines of context; empty for equal texts."""
    a, b = old.splitlines(), new.splitlines()
    lines: list[str] = []
    for group in Comparison(a, b, Budget()).get_grouped_opcodes(3):
        lines.append(f"@@ -{_span(group[0][1], group[-1][2])} +{_span(group[0][3], group[-1][4])} @@")
        for op, i, j, k, m in group:
            if op == "equal":
                lines += [f" {line}" for line in a[i:j]]
            else:
                lines += [f"-{line}" for line in a[i:j]] + [f"+{line}" for line in b[k:m]]
    return "\n".join([f"--- {old_name}", f"+++ {new_name}", *lines]) if lines else ""


def _span(start: int, end: int) -> str:
    """As POSIX has it for the diff utility: an empty span stands behind the line before it, and one line goes without its number."""
    if end == start + 1:
        return str(end)
    return f"{start + (end > start)},{end - start}"


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
    start, end = common_ends(a, b)
    budget = Budget()
    yield "equal", "".join(a[:start])
    a_changed, b_changed = a[start : len(a) - end], b[start : len(b) - end]
    for op, i, j, k, m in Comparison(a_changed, b_changed, budget).get_opcodes():
        before, after = "".join(a_changed[i:j]), "".join(b_changed[k:m])
        if op == "equal":
            yield "equal", after
        else:
            yield from _inside_lines(before, after, budget)
    yield "equal", "".join(a[len(a) - end :])


def _inside_lines(before: str, after: str, budget: Budget) -> Iterator[tuple[str, str]]:
    a, b = words_of(before), words_of(after)
    for op, i, j, k, m in Comparison(a, b, budget).get_opcodes():
        if op == "equal":
            yield "equal", "".join(b[k:m])
        else:
            yield "delete", "".join(a[i:j])
            yield "insert", "".join(b[k:m])
