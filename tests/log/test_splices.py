"""Many changes of a text, put into it in one go."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from eventstore.splices import PIECE, Splice, spliced


@given(seed=st.integers(0, 2**32), length=st.integers(0, 5 * PIECE), changes=st.integers(0, 60))
def test_changes_in_one_go_are_what_they_are_one_by_one(seed: int, length: int, changes: int) -> None:
    chance = random.Random(seed)
    text = expected = "".join(chance.choices("ab日\n", k=length))
    splices: list[Splice] = []
    for _ in range(changes):
        at = chance.choice([0, len(expected), chance.randint(0, len(expected))])
        removed = chance.choice([0, 1, chance.randint(0, len(expected) - at), len(expected) - at]) if at < len(expected) else 0
        splices.append((at, removed, "x" * chance.choice([0, 1, 70, 3 * PIECE])))
        expected = expected[:at] + splices[-1][2] + expected[at + removed :]
    assert spliced(text, splices) == expected
