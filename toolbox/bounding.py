"""How much an assistant is given at once, over every transport: what does not fit comes with a cursor (contract: mcp 12.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from toolbox.markdown import NotApplicable

LARGEST = 60_000
"""Bytes of a result's JSON."""
LARGEST_PIECE = 45_000
"""Bytes of a text in it."""
LARGEST_ITEM = 20_000
"""Bytes of one entry of a list."""
BEGINNING = 1_000
"""Characters that are left of a text that is cut."""
MARKS = 200
"""Bytes that are kept free for what announces the rest."""
CUT = "Cut for their length: {}."

Members = dict[str, Any]


def size_of(value: Any) -> int:
    """Bytes of the value's JSON."""
    return len(orjson.dumps(value))


def bounded(answer: Any, growing: str, start: int) -> Any:
    """The answer if it fits, else as much of its growing member as does, from a place on, and where to go on.

    growing: a text or a list of the answer. An answer that is a list itself becomes an object when not all of it fits.
    """
    if not start and size_of(answer) <= LARGEST:
        return answer
    if isinstance(answer, list):
        return paged({}, growing, answer[start:], start=start)
    if not isinstance(answer, dict):
        return answer
    grown = answer.get(growing)
    if isinstance(grown, str):
        part, more = piece(grown, start)
        return shortened({**answer, growing: part, **more}, spared=growing)
    if isinstance(grown, list):
        others = {name: value for name, value in answer.items() if name != growing}
        return paged(shortened(others, LARGEST // 2), growing, grown[start:], start=start)
    return shortened(answer)


def glimpse(answer: Any) -> Any:
    """As much of the answer as tells what it is about; the rest cannot be asked for."""
    if isinstance(answer, dict):
        return shortened(answer, LARGEST_ITEM)
    return answer if size_of(answer) <= LARGEST else paged({}, "results", answer, continued=False)


def shortened(answer: Mapping[str, Any], room: int = LARGEST, spared: str = "") -> Members:
    """The members, the longest ones cut until all fit. Which ones were is told in `notice`. spared: is not cut."""
    members, cut = dict(answer), []
    for name in sorted(members, key=lambda name: size_of(members[name]), reverse=True):
        if size_of(members) <= room - MARKS:
            break
        value = members[name]
        if name != spared and isinstance(value, str | list | dict):
            members[name] = value[:BEGINNING] if isinstance(value, str) else type(value)()
            cut.append(name)
    if cut:
        members["notice"] = " ".join(filter(None, (answer.get("notice"), CUT.format(", ".join(cut)))))
    return members


def paged(
    members: Mapping[str, Any], name: str, items: Iterable[Any], *, start: int = 0, more: bool = False, continued: bool = True
) -> Members:
    """The members and as many of the items as fit. start: how many came before; more: whether others come behind them.

    continued: whether the rest can be asked for.
    """
    items = list(items)
    kept = fitting(items, LARGEST - size_of(members) - MARKS)
    result = {**members, name: kept}
    if len(kept) < len(items) or more:
        result |= {"truncated": True} | ({"next_cursor": cursor_at(start + len(kept))} if continued else {})
    return result


def fitting(items: Iterable[Any], room: int) -> list[Any]:
    """The first items that fit; at least one, so that every page leads further."""
    kept: list[Any] = []
    for item in items:
        shown = shortened(item, LARGEST_ITEM) if isinstance(item, dict) and size_of(item) > LARGEST_ITEM else item
        room -= size_of(shown) + 1
        if room < 0 and kept:
            break
        kept.append(shown)
    return kept


def page_of(items: list[Any], start: int, *, more: bool) -> Any:
    """A page of one of the API's lists: the bare list, as REST shows it, when that is all of it. start, more: as above."""
    if start or more:
        return paged({}, "results", items, start=start, more=more)
    return bounded(items, "results", 0)


def part_of_week(week: Members, start: int) -> Members:
    """All days, with the entries from a place on that fit, in the order of the days; then those of the deadlines."""
    if not start and size_of(week) <= LARGEST:
        return week
    lists = [day["events"] for day in week["days"]] + [week["deadlines"]]
    places = [listed for listed in lists for _ in listed]
    entries = [entry for listed in lists for entry in listed]
    for listed in lists:
        listed.clear()
    kept = fitting(entries[start:], LARGEST - size_of(week) - MARKS)
    for place, entry in zip(places[start:], kept, strict=False):
        place.append(entry)
    end = start + len(kept)
    return week if end >= len(entries) else {**week, "truncated": True, "next_cursor": cursor_at(end)}


def piece(text: str, start: int) -> tuple[str, Members]:
    """As much of the text as fits, from a place on, and where to go on. Raises NotApplicable."""
    if start > len(text):
        raise NotApplicable("cursor: the text is shorter now. Read it again from the beginning.")
    length = LARGEST_PIECE
    part = text[start : start + length]
    while (size := size_of(part)) > LARGEST_PIECE:
        length = min(length - 1, max(1, length * LARGEST_PIECE // size))
        part = text[start : start + length]
    end = start + len(part)
    if end >= len(text):
        return part, {}
    line_end = part.rfind("\n")
    if line_end > len(part) // 2:
        part = part[: line_end + 1]
    return part, {"truncated": True, "next_cursor": cursor_at(start + len(part))}


def cursor_at(place: int) -> str:
    """An opaque cursor."""
    return f"at-{place:x}"


def cursor_of(arguments: Mapping[str, Any]) -> int:
    """Where the cursor among the arguments says to go on; 0 without one. Raises NotApplicable."""
    cursor = arguments.get("cursor")
    if not cursor:
        return 0
    try:
        place = int(cursor.removeprefix("at-"), 16) if cursor.startswith("at-") else -1
    except ValueError:
        place = -1
    if not 0 <= place < 2**40:
        raise NotApplicable("cursor: this is not one that an answer gave. Leave it out to start from the beginning.")
    return place
