"""Comparisons that come to an end: the work is bounded, not the length of the texts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.notes.merging import merge
from eventstore.comparing import MOST_STEPS, Budget, Comparison, common_ends
from projections.notes.differences import unified_diff, word_diff

PIECES = st.lists(st.sampled_from("abcdef"), max_size=30)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Pairs of equal pieces that the library looks at, look by look."""
    counted: list[int] = []
    look = difflib.SequenceMatcher.find_longest_match

    def counting(self: Comparison, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> difflib.Match:
        counted.append(sum(1 + len(self.b2j.get(piece, ())) for piece in self.a[alo:ahi]))
        return look(self, alo, ahi, blo, bhi)

    monkeypatch.setattr(difflib.SequenceMatcher, "find_longest_match", counting)
    yield counted
    assert counted


LINES = [f"line {number % 100}" for number in range(2_000)]
PARAGRAPH = [f"word{number % 40}" for number in range(1_200)]


@pytest.mark.parametrize("length", [125, 500, 5_000])
def test_comparing_words_takes_no_more_steps_than_the_budget(steps: list[int], length: int) -> None:
    old, new = "x " * length, "x-" * length
    differences = word_diff(old, new)
    assert "".join(step["text"] for step in differences if step["op"] != "insert") == old
    assert "".join(step["text"] for step in differences if step["op"] != "delete") == new
    assert sum(steps) <= MOST_STEPS


def test_one_budget_does_for_all_the_lines_of_a_text(steps: list[int]) -> None:
    old, new = ("\n".join(f"{number}\n{words * 100}" for number in range(40)) for words in ("x ", "x-"))
    word_diff(old, new)
    assert sum(steps) <= MOST_STEPS


def test_comparing_lines_takes_no_more_steps_than_the_budget(steps: list[int]) -> None:
    new = "\n".join(line for number, row in enumerate(LINES) for line in (row, f"new {number}"))
    shown = unified_diff("\n".join(LINES), new, "a", "b").splitlines()[2:]
    assert [line[1:] for line in shown if line[0] in " -"] == LINES
    assert "\n".join(line[1:] for line in shown if line[0] in " +") == new
    assert sum(steps) <= MOST_STEPS


@pytest.mark.parametrize(
    ("base", "mine", "theirs"),
    [
        ("x " * 500, "x-" * 500, "x+" * 500),
        (" ".join(PARAGRAPH), " ".join(f"{word} a{at}" for at, word in enumerate(PARAGRAPH)), " b ".join(PARAGRAPH)),
        ("\n".join(LINES), "\n".join([f"{line}\na" for line in LINES][1:]), "\n".join([f"{line}\nb" for line in LINES][:-1])),
    ],
    ids=["signs", "paragraph", "lines"],
)
def test_merging_takes_no_more_steps_than_the_budget(steps: list[int], base: str, mine: str, theirs: str) -> None:
    merge(base, mine, theirs)
    assert sum(steps) <= MOST_STEPS


@pytest.mark.timeout(60)
def test_many_lines_between_those_that_became_one_long_line_are_merged_in_one_go() -> None:
    base, mine, theirs = "x\n" * 20_000, "x\nyy\n" * 20_000, "y y" * 30_000
    assert merge(base, mine, theirs).text.startswith(theirs)


@given(PIECES, PIECES)
def test_within_the_budget_a_comparison_finds_what_the_library_does(a: list[str], b: list[str]) -> None:
    assert Comparison(a, b, Budget()).get_opcodes() == difflib.SequenceMatcher(None, a, b).get_opcodes()
    shown = unified_diff("\n".join(a), "\n".join(b), "old", "new")
    assert shown == "\n".join(difflib.unified_diff(a, b, "old", "new", lineterm=""))


@given(PIECES, PIECES, st.integers(0, 100))
def test_beyond_the_budget_both_ends_are_found(a: list[str], b: list[str], steps: int) -> None:
    budget = Budget(steps)
    found: list[str] = []
    for op, i, j, k, m in Comparison(a, b, budget).get_opcodes():
        assert op != "equal" or a[i:j] == b[k:m]
        found += b[k:m]
    assert found == b
    assert 0 <= budget.steps <= steps
    head, tail = common_ends(a, b)
    assert Comparison(a, b, Budget(0)).get_matching_blocks()[0][2] >= (head or tail)
