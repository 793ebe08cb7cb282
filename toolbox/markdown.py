"""Parts of a markdown text: its headings and sections, and changing one part of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from eventstore.blocks import headings_of

DEEPEST = 6
BLANKS = " \t"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_LINE_BREAK = re.compile(r"\r\n?|\n")


class NotApplicable(Exception):
    """The part that a call names is not there, or not once; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading and its section. start and end are places in the text; the section of index 0 has no heading."""

    index: int
    level: int
    text: str
    line: int
    start: int
    end: int

    @property
    def length(self) -> int:
        """Characters of the section, subsections included."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Passage:
    """What patch_note changes; exactly one of the three ways is given."""

    find: str | None
    replace: str | None
    append: str | None
    insert: str | None
    heading: str | None

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Passage:
        """Raises NotApplicable unless the arguments name one way."""
        passage = cls(*(arguments.get(name) for name in ("find", "replace", "append", "insert", "heading")))
        ways = [passage.find is not None, passage.append is not None, passage.insert is not None]
        if sum(ways) != 1:
            raise NotApplicable("Name exactly one of: find (with replace), append, insert (with heading).")
        if passage.find is not None and passage.replace is None:
            raise NotApplicable("replace: this argument is required together with find; empty text deletes what was found.")
        if passage.insert is not None and passage.heading is None:
            raise NotApplicable("heading: this argument is required together with insert. get_note_outline lists the headings.")
        return passage

    def with_line_feeds(self) -> Passage:
        """The same with line feeds alone as line ends."""
        return Passage(*(text if text is None else text.replace("\r\n", "\n") for text in astuple(self)))


def headings(content: str) -> list[Heading]:
    """All headings in order, as the blocks of the note have them; a heading of several lines comes as one."""
    found = headings_of(content)
    if found is None:
        found = _marked_lines(content)
    starts = [0, *(line_break.end() for line_break in _LINE_BREAK.finditer(content))]
    ends = _ends([(level, starts[line]) for level, _, line in found], len(content))
    return [
        Heading(nth, level, " ".join(part.strip() for part in text.split("\n")), line + 1, starts[line], end)
        for nth, ((level, text, line), end) in enumerate(zip(found, ends, strict=True), start=1)
    ]


def _marked_lines(content: str) -> list[tuple[int, str, int]]:
    """The lines of a text that begin with # signs and are not inside fenced code, for texts that are too long for the parser."""
    found: list[tuple[int, str, int]] = []
    fence = ""
    for number, line in enumerate(_LINE_BREAK.split(content)):
        opened = _FENCE.match(line)
        if fence:
            if opened and opened[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif opened and not (opened[1][0] == "`" and "`" in line[opened.end() :]):
            fence = opened[1]
        elif heading := _heading_of(line):
            found.append((*heading, number))
    return found


def _heading_of(line: str) -> tuple[int, str] | None:
    """Level and text of a heading. No pattern: on long runs of blanks one would take time that grows with their square."""
    marked = line.lstrip(" ")
    text = marked.lstrip("#")
    level = len(marked) - len(text)
    if len(line) - len(marked) > 3 or not 1 <= level <= DEEPEST or not (text == "" or text[0] in BLANKS):
        return None
    text = text.strip(BLANKS)
    unclosed = text.rstrip("#")
    if not unclosed or unclosed[-1] in BLANKS:
        text = unclosed
    return level, text.strip()


def _ends(begun: Sequence[tuple[int, int]], length: int) -> list[int]:
    """Where each section ends, of levels and beginnings: where the next one of its level or above begins."""
    ends = [length] * len(begun)
    still_open: list[int] = []
    for nth, (level, start) in enumerate(begun):
        while still_open and begun[still_open[-1]][0] >= level:
            ends[still_open.pop()] = start
        still_open.append(nth)
    return ends


def section(content: str, heading: str | None, index: int | None) -> tuple[Heading, str]:
    """The section with this heading or index, and its text. Raises NotApplicable."""
    known = headings(content)
    if heading is not None:
        chosen = _by_text(known, heading, "Use index: get_note_outline lists them.")
    elif index == 0:
        chosen = Heading(0, 0, "", 1, 0, known[0].start if known else len(content))
    elif index is not None and index <= len(known):
        chosen = known[index - 1]
    elif index is not None:
        raise NotApplicable(f"index: the note has {len(known)} headings. get_note_outline lists them.")
    else:
        raise NotApplicable("Name the section: index or heading, both of which get_note_outline lists.")
    return chosen, content[chosen.start : chosen.end]


def edited(content: str, passage: Passage) -> str:
    """The text after the change, with the line ends that it had. Raises NotApplicable."""
    if "\n" in content and content.count("\n") == content.count("\r\n"):
        return _edited(content.replace("\r\n", "\n"), passage.with_line_feeds()).replace("\n", "\r\n")
    return _edited(content, passage)


def _edited(content: str, passage: Passage) -> str:
    if passage.find is not None:
        return _replaced(content, passage.find, passage.replace or "")
    if passage.append is not None:
        return _joined(content, passage.append)
    chosen = _by_text(headings(content), passage.heading or "", "Make them differ, or use find and replace.")
    if not passage.insert:
        return content
    rest = content[chosen.end :]
    body = _joined(content[: chosen.end].rstrip("\n"), passage.insert)
    return f"{body.rstrip(chr(10))}\n\n{rest}" if rest else body


def _replaced(content: str, found: str, replacement: str) -> str:
    times, first = content.count(found), content.find(found)
    if times == 1 and content.find(found, first + 1) >= 0:
        # The other place overlaps this one.
        times = 2
    if times != 1:
        hint = (
            "Read the note again and copy the text exactly."
            if not times
            else "Take more of the text around it, so that it is the only place."
        )
        raise NotApplicable(f"find: this text occurs {times} times, it has to occur exactly once. {hint}")
    return content.replace(found, replacement)


def _joined(before: str, added: str) -> str:
    if not before or not added or before.endswith("\n\n") or added.startswith("\n"):
        return before + added
    return before + ("\n" if before.endswith("\n") else "\n\n") + added


def _by_text(known: Sequence[Heading], heading: str, otherwise: str) -> Heading:
    """otherwise: what to do where several sections have this heading."""
    wanted = heading.lstrip("#").strip()
    same = [one for one in known if one.text == wanted] or [one for one in known if one.text.lower() == wanted.lower()]
    if not same:
        raise NotApplicable("heading: the note has no such heading. get_note_outline lists its headings.")
    if len(same) > 1:
        raise NotApplicable(f"heading: {len(same)} sections have this heading. {otherwise}")
    return same[0]
