"""Three-way merging of texts: by lines, and inside lines that both sides changed by words, or by characters where a script
sets no blanks between words. What both sides inserted at one place follows one upon the other, and lines that one side inserted stay next
to what the other made of their neighbours; where they changed the same, the later side's lines stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from merge3 import Merge3

from eventstore.comparing import Budget, Comparison
from eventstore.words import words_of

LONGEST_CHANGE = 200_000
"""Characters. Longer changed stretches are not compared."""
LONGEST_REPETITION = 500
"""Lines. So many of what a device sends again, since the answer was lost, are found behind what others wrote in front of them."""


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
    if max(map(len, stretch)) > LONGEST_CHANGE:
        return Merge(theirs, touching=True, overwrites=True)
    middle = _merged_lines(*stretch)
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


def _merged_lines(base: str, mine: str, theirs: str) -> Merge:
    lines = [text.splitlines(keepends=True) for text in (base, mine, theirs)]
    budget = Budget()
    whole = _with_insertions(budget, *lines)
    if whole is not None:
        return whole
    return _put_together([_merged_twice(budget, *group) if len(group) > 1 else Merge(_text(*group)) for group in _groups(budget, *lines)])


def _groups(budget: Budget, base: list[str], mine: list[str], theirs: list[str]) -> list[list[list[str]]]:
    """The pieces of the merged text; where both sides changed some, those of the base, of mine and of theirs."""

    def matcher(_: None, a: Sequence[str], b: Sequence[str]) -> Comparison:
        return Comparison(a, b, budget)

    asked: Any = matcher  # A class in its type.
    return [list(map(list, parts)) for _, *parts in Merge3(base, mine, theirs, sequence_matcher=asked).merge_groups()]


def _put_together(merges: list[Merge]) -> Merge:
    return Merge(_text(part.text for part in merges), any(part.touching for part in merges), any(part.overwrites for part in merges))


def _merged_twice(budget: Budget, old: list[str], mine: list[str], theirs: list[str]) -> Merge:
    """Lines that both sides changed."""
    if not old:
        return _one_upon_the_other(mine, theirs)
    both = _with_insertions(budget, old, mine, theirs)
    if both is None and mine and theirs and not any(map(str.strip, old)):
        both = _one_upon_the_other(mine, theirs)
    return both or _merged_words(budget, old, mine, theirs) or Merge(_text(theirs), touching=True, overwrites=True)


def _one_upon_the_other(mine: list[str], theirs: list[str]) -> Merge:
    """Lines that both sides inserted; once where one of them says what the other does, or goes on from where the other ends."""
    if _is_grown(mine, theirs):
        return Merge(_text(theirs), touching=True, overwrites=_is_cut(mine, theirs))
    if theirs == mine[: len(theirs)]:
        return Merge(_text(mine), touching=True)
    longest = min(len(mine), len(theirs), LONGEST_REPETITION)
    repeated = next((many for many in range(longest, 0, -1) if mine[-many:] == theirs[:many]), 0)
    return Merge(_text(mine + theirs[repeated:]), touching=True)


def _is_grown(lines: list[str], longer: list[str]) -> bool:
    """Whether the longer ones begin with the same, the last line maybe with words behind it: a device types on in a line that has arrived
    already, and when the answer was lost it sends that once more. Lines of two devices that only begin with the same letters are two.
    """
    *whole, last = lines
    at = len(whole)
    said = last.rstrip()
    if len(longer) <= at or longer[:at] != whole or not longer[at].startswith(said):
        return False
    # The next character tells whether the last word goes on; the line can be long.
    words = words_of(said)
    return words_of(longer[at][: len(said) + 1])[: len(words)] == words


def _is_cut(lines: list[str], longer: list[str]) -> bool:
    """Whether the last line is not in the longer ones that have grown from it, as a line."""
    return bool(lines[-1].strip()) and lines[-1] != longer[len(lines) - 1]


def _with_insertions(budget: Budget, old: list[str], mine: list[str], theirs: list[str]) -> Merge | None:
    """What both made of the lines, where one of them only inserted some; None where both did something else."""
    insertions = _insertions(old, mine)
    if insertions is not None:
        return _inserted(insertions, theirs, _places(old, theirs, budget), by_mine=True)
    insertions = _insertions(old, theirs)
    if insertions is not None:
        return _inserted(insertions, mine, _places(old, mine, budget), by_mine=False)
    return None


def _insertions(old: list[str], new: list[str]) -> list[tuple[int, list[str]]] | None:
    """What was inserted, each time with the number of old lines in front; None when anything else was changed."""
    insertions: list[tuple[int, list[str]]] = []
    at = 0
    for line in new:
        if at < len(old) and line == old[at]:
            at += 1
        elif insertions and insertions[-1][0] == at:
            insertions[-1][1].append(line)
        else:
            insertions.append((at, [line]))
    return insertions if at == len(old) else None


class _Place(NamedTuple):
    """Where a place between old lines is among new ones: at `start`, or from there to `end` where something was inserted."""

    start: int
    end: int
    first: int
    last: int
    """The change that it touches, if any, is from here to here."""
    is_inside: bool = False
    """Whether that is a change of lines on both sides of it. The place is behind it then."""


def _places(old: list[str], new: list[str], budget: Budget) -> list[_Place]:
    """Those before each old line, and at the end. In a change that is as many lines as before, each stands for one."""
    places: list[_Place] = []
    behind = _Place(0, 0, 0, 0)
    for op, i, j, k, m in Comparison(old, new, budget).get_opcodes():
        if i == j:
            behind = _Place(k, m, k, m)
        elif op == "equal":
            places += [behind, *(_Place(at, at, at, at) for at in range(k + 1, m))]
            behind = _Place(m, m, m, m)
        else:
            places.append(_Place(k, k, k, m))
            places += [_Place(at, at, k, m) if j - i == m - k else _Place(m, m, k, m, is_inside=True) for at in range(k + 1, k + j - i)]
            behind = _Place(m, m, k, m)
    return [*places, behind]


def _inserted(insertions: list[tuple[int, list[str]]], other: list[str], places: list[_Place], *, by_mine: bool) -> Merge:
    """What one side inserted, in what the other made of the lines."""
    merges: list[Merge] = []
    done = 0
    for before, lines in insertions:
        start, end, first, last, is_inside = places[before]
        merges.append(Merge(_text(other[done:start])))
        if start < end:
            merges.append(_one_upon_the_other(*((lines, other[start:end]) if by_mine else (other[start:end], lines))))
        else:
            near = other[max(start - len(lines), first) : start], other[start : min(start + len(lines), last)]
            merges.append(_said_already(lines, near, by_mine=by_mine) or Merge(_text(lines), touching=is_inside))
        done = end
    return _put_together([*merges, Merge(_text(other[done:]))])


def _said_already(lines: list[str], near: tuple[list[str], ...], *, by_mine: bool) -> Merge | None:
    """Nothing, where the other side inserted the same together with a change next to it."""
    if not any(map(str.strip, lines)):
        return None
    said = [there for there in near if there == lines or (by_mine and _is_grown(lines, there))]
    return Merge("", touching=True, overwrites=all(_is_cut(lines, there) for there in said)) if said else None


def _merged_words(budget: Budget, old: list[str], mine: list[str], theirs: list[str]) -> Merge | None:
    """None when both sides changed the same words."""
    # By lines, so that the end of one is no part of what stands behind it.
    words = [[word for line in lines for word in words_of(line)] for lines in (old, mine, theirs)]
    merged: list[str] = []
    touching = False
    for part, *sides in _groups(budget, *words):
        both = _words_of_both(merged, part, *sides) if sides else part
        if both is None:
            return None
        touching = touching or bool(sides)
        merged += both
    return Merge(_text(merged), touching)


def _words_of_both(in_front: list[str], old: list[str], mine: list[str], theirs: list[str]) -> list[str] | None:
    """What both sides inserted at one place; None when they changed something there, or when the two would run into each other."""
    if old:
        return None
    for longer, shorter in ((theirs, mine), (mine, theirs)):
        if longer[: len(shorter)] == shorter:
            return longer
    both = mine + theirs
    is_typed_on = _text(theirs).startswith(_text(mine))
    has_line_to_itself = (not in_front or in_front[-1].endswith("\n")) and not mine[-1].isspace()
    if is_typed_on or has_line_to_itself:
        return None
    if any("\n" in word for word in both):
        return both if mine[-1].endswith("\n") and theirs[-1].endswith("\n") else None
    return both if words_of(_text(both)) == both else None


def _text(pieces: Iterable[str]) -> str:
    return "".join(pieces)
