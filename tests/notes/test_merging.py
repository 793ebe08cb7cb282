"""Merging of texts that two devices changed (contract: clients 7.4): nothing that one added goes for what the other did next to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.notes.merging import Merge, merge

LIST = "- milk\n- bread"
ROWS = "a\nb one\nc two\nd three"


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged"),
    [
        ("one two three", "one two three\n\nA1\n\nA2", "uno dos tres", "uno dos tres\n\nA1\n\nA2"),
        (LIST, f"{LIST}\n- eggs", "- milk", "- milk\n- eggs"),
        (LIST, "- milk", f"{LIST}\n- eggs", "- milk\n- eggs"),
        (LIST, "- milk\n- bread (rye)\n- jam", f"{LIST}\n- eggs", "- milk\n- bread (rye)\n- jam\n- eggs"),
        (ROWS, "a\nB uno dos\nC tres\nD quatro\nE cinco", f"{ROWS}\ne four", "a\nB uno dos\nC tres\nD quatro\nE cinco\ne four"),
        (f"{LIST}\n- tea", "- milk\n- eggs\n- bread\n- tea", "- milk\n- tea", "- milk\n- eggs\n- tea"),
        (f"{LIST}\n- tea", "- milk\n- tea", "- milk\n- bread\n- eggs\n- tea", "- milk\n- eggs\n- tea"),
        ("one", "one\n\nA1", "one two", "one two\n\nA1"),
        ("one two\nend", "one two\nsix two\nend", "one dos\nend", "one dos\nsix two\nend"),
        ("b\nc", "b\nX\nc", "B\nC", "B\nX\nC"),
        ("b\nc", "b\nX\nc", "b c", "b c\nX"),
    ],
)
def test_lines_stay_next_to_what_the_other_side_changed(base: str, mine: str, theirs: str, merged: str) -> None:
    assert (merge(base, mine, theirs).text, merge(base, mine, theirs).overwrites) == (merged, False)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged"),
    [
        ("- milk", "- milk\n- egg", "- milk\n- eggplant", "- milk\n- egg\n- eggplant"),
        ("room:", "room:\n10", "room:\n1", "room:\n10\n1"),
        ("list:", "list:\n- milk chocolate", "list:\n- milk", "list:\n- milk chocolate\n- milk"),
        ("", "- a\n- b", "- c", "- a\n- b\n- c"),
        ("bread", "bread (rye)\n- jam", "bread (white)\n- eggs", "bread (rye) (white)\n- jam\n- eggs"),
        ("buy milk", "buy milk, tea", "buy milk, bread", "buy milk, tea, bread"),
    ],
)
def test_what_both_inserted_at_one_place_follows_one_upon_the_other(base: str, mine: str, theirs: str, merged: str) -> None:
    assert merge(base, mine, theirs) == (merged, True, False)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "overwrites"),
    [
        ("one", "one\n\ntwo", "one\n\ntwo\n\nthree", False),
        ("one", "one\n", "one\ntwo", False),
        ("one", "one\nI am going", "one\nI am going home", True),
        ("one", "one two", "one two three", False),
        ("one", "one tw", "one two", True),
        ("", "今天", "今天天气", True),
        ("one", "one\ntwo", "1\ntwo and three", True),
        ("one", "two\none", "two and three\none or none", True),
    ],
)
def test_what_was_typed_on_after_a_lost_answer_is_said_once(base: str, mine: str, theirs: str, overwrites: bool) -> None:
    assert merge(base, mine, theirs) == (theirs, True, overwrites)


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ("a\ny\nx", "a\nx", "a\ny\nx"),
        ("a\ny\nx", "a\nx\nx2", "a\ny\nx\nx2"),
        ("a\ny\n\nx", "a\n\nx\nx2\n\nx3", "a\ny\n\nx\nx2\n\nx3"),
        ("a\ny\nx", "a\nz\nx", "a\ny\nx\nz\nx"),
    ],
)
def test_what_is_sent_again_goes_on_behind_what_others_put_in_front_of_it(mine: str, theirs: str, expected: str) -> None:
    assert merge("a", mine, theirs).text == expected


def test_what_arrives_once_more_is_said_once() -> None:
    assert merge("one", "one\n\nof the laptop\n\nof the phone", "one\n\nof the phone").text == "one\n\nof the laptop\n\nof the phone"


def test_words_that_both_inserted_do_not_become_one_word_or_line() -> None:
    assert merge("count:", "count:5", "count:7") == ("count:7", True, True)
    assert merge("x\n", "1\n- A", "2\n- B") == ("2\n- B", True, True)


LINES = ["one", "one two", "three two", "four", "five six", "two"]
INSERTED = ["seven two", "eight", "five nine"]


def _merged_with_insertions(base: list[str], other: list[str], places: tuple[int, ...], *, later: bool) -> Merge:
    """One side inserts the three lines at these places of the base, the other one says something else; later: the first one saves last."""
    inserting = list(base)
    for place, line in zip(places, INSERTED, strict=True):
        inserting.insert(place, line)
    sides = ("\n".join(inserting), "\n".join(other))
    return merge("\n".join(base), *(sides[::-1] if later else sides))


@given(
    base=st.permutations(LINES[:5]),
    other=st.lists(st.sampled_from(LINES), min_size=1, max_size=6),
    places=st.tuples(*[st.integers(0, 5)] * 3),
    later=st.booleans(),
)
def test_whole_lines_that_one_side_inserts_take_nothing_from_the_other(
    base: list[str], other: list[str], places: tuple[int, ...], later: bool
) -> None:
    merged = _merged_with_insertions(base, other, places, later=later)
    lines = merged.text.split("\n")
    assert [line for line in lines if line not in INSERTED] == other
    assert sorted(set(lines) - set(other)) == sorted(INSERTED)
    assert not merged.overwrites


@given(
    base=st.lists(st.sampled_from(["one", "", "two"]), min_size=1, max_size=8),
    other=st.lists(st.sampled_from(["one", "", "two", "six"]), min_size=1, max_size=8),
    places=st.tuples(*[st.integers(0, 8)] * 3),
    later=st.booleans(),
)
def test_lines_that_are_there_often_make_no_inserted_line_go(
    base: list[str], other: list[str], places: tuple[int, ...], later: bool
) -> None:
    merged = _merged_with_insertions(base, other, places, later=later)
    lines = merged.text.split("\n")
    assert set(lines) >= {*INSERTED, *(set(other) - set(base) - {""})}
    assert not merged.overwrites
