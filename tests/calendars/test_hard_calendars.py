"""Hard calendars are read as somebody would read them by hand, and damaged ones cost no more than their limits."""

from __future__ import annotations

import random

import pytest

from reactors.icalendar.contents import Reading
from reactors.icalendar.reading import read_calendar
from tests.calendars.hard import HARD, Hard

YEARS = [2031]


def shown(reading: Reading) -> list[str]:
    """The occurrences of 2031."""
    return sorted(
        f"{e.title} {e.starts_at:%m-%d %H:%M}/{e.ends_at:%m-%d %H:%M}{'~' * e.floating}{'*' * e.whole_day}"
        for e in reading.entries
        if e.starts_at.year == 2031
    )


@pytest.mark.parametrize("hard", HARD, ids=lambda hard: hard.name)
def test_hard_calendars(hard: Hard) -> None:
    reading = read_calendar(hard.data, YEARS, 20)
    assert (shown(reading), reading.rejected_count) == (sorted(hard.expected), hard.rejected)


def damaged(data: bytes, dice: random.Random) -> bytes:
    """The same with some bytes or lines changed, doubled, moved or taken away, or with lines of another calendar."""
    for _ in range(dice.randint(1, 6)):
        lines = data.splitlines(keepends=True) or [b""]
        at, other = dice.randrange(len(lines)), dice.choice(HARD).data[:4000].splitlines(keepends=True)
        change = dice.randrange(6)
        if change == 0:
            lines[at] = bytes(dice.randrange(256) if dice.random() < 0.1 else byte for byte in lines[at][:500])
        elif change == 1:
            lines.insert(at, dice.choice(other))
        elif change == 2:
            del lines[at]
        elif change == 3:
            lines.append(lines.pop(at))
        elif change == 4:
            lines[at] = lines[at].replace(b"2031", str(dice.choice([0, 1, 1582, 1899, 1900, 2100, 2101, 9999, 10**6])).zfill(4).encode())
        else:
            lines[at] = lines[at][: dice.randrange(len(lines[at]) + 1)]
        data = b"".join(lines)
    return data


def test_damaged_calendars_are_read_without_a_fault() -> None:
    dice = random.Random(5)
    small = [hard.data for hard in HARD if len(hard.data) < 10_000]
    shown = 0
    for _ in range(600):
        reading = read_calendar(damaged(dice.choice(small), dice), YEARS, 5)
        assert all(entry.ends_at >= entry.starts_at for entry in reading.entries)
        shown += bool(reading.entries)
    assert shown > 200
