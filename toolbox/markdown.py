"""Parts of a markdown text: its headings and sections, and changing one part of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


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


def headings(content: str) -> list[Heading]:
    """All headings in order; lines inside fenced code are none."""
    found: list[tuple[int, str, int, int]] = []
    fence = ""
    place = 0
    for number, line in enumerate(content.split("\n"), start=1):
        opened = _FENCE.match(line)
        if fence:
            if opened and opened[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif opened:
            fence = opened[1]
        elif heading := _HEADING.match(line.rstrip("\r")):
            found.append((len(heading[1]), (heading[2] or "").strip(), number, place))
        place += len(line) + 1
    result = []
    for nth, (level, text, number, start) in enumerate(found):
        end = next((later[3] for later in found[nth + 1 :] if later[0] <= level), len(content))
        result.append(Heading(nth + 1, level, text, number, start, end))
    return result


def section(content: str, heading: str | None, index: int | None) -> tuple[Heading, str]:
    """The section with this heading or index, and its text. Raises NotApplicable."""
    known = headings(content)
    if heading is not None:
        chosen = _by_text(known, heading)
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
    """The text after the change. Raises NotApplicable."""
    if passage.find is not None:
        times = content.count(passage.find)
        if times != 1:
            hint = (
                "Read the note again and copy the text exactly."
                if not times
                else "Take more of the text around it, so that it is the only place."
            )
            raise NotApplicable(f"find: this text occurs {times} times, it has to occur exactly once. {hint}")
        return content.replace(passage.find, passage.replace or "")
    if passage.append is not None:
        return _joined(content, passage.append)
    chosen = _by_text(headings(content), passage.heading or "")
    rest = content[chosen.end :]
    body = _joined(content[: chosen.end].rstrip("\n"), passage.insert or "")
    return f"{body.rstrip(chr(10))}\n\n{rest}" if rest else body


def _joined(before: str, added: str) -> str:
    if not before or before.endswith("\n\n") or added.startswith("\n"):
        return before + added
    return before + ("\n" if before.endswith("\n") else "\n\n") + added


def _by_text(known: Sequence[Heading], heading: str) -> Heading:
    wanted = heading.lstrip("#").strip()
    same = [one for one in known if one.text == wanted] or [one for one in known if one.text.lower() == wanted.lower()]
    if not same:
        raise NotApplicable("heading: the note has no such heading. get_note_outline lists its headings.")
    if len(same) > 1:
        raise NotApplicable(f"heading: {len(same)} sections have this heading. Make them differ, or use find and replace.")
    return same[0]
