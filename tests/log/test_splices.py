"""Many changes of a text, put into it in one go."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from eventstore.splices import LONG, PIECE, Splice, spliced


@given(
    seed=st.integers(0, 2**32),
    length=st.one_of(st.integers(0, 5 * PIECE), st.integers(LONG - 10, LONG + PIECE)),
    changes=st.integers(0, 60),
    letters=st.sampled_from(["ab\n", "abé\n", "ab日\n", "ab😀\ud800\n"]),
    inserted=st.sampled_from(["x", "é", "日", "😀", "\ud800"]),
)
def test_changes_in_one_go_are_what_they_are_one_by_one(seed: int, length: int, changes: int, letters: str, inserted: str) -> None:
    chance = random.Random(seed)
    text = expected = "".join(chance.choices(letters, k=length))
    splices: list[Splice] = []
    for _ in range(changes):
        at = chance.choice([0, len(expected), chance.randint(0, len(expected))])
        removed = chance.choice([0, 1, chance.randint(0, len(expected) - at), len(expected) - at]) if at < len(expected) else 0
        splices.append((at, removed, inserted * chance.choice([0, 1, 70, 3 * PIECE])))
        expected = expected[:at] + splices[-1][2] + expected[at + removed :]
    assert spliced(text, splices) == expected
