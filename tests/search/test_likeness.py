"""Likeness is worked out in steps that spare most comparisons; what comes out is the contract's (contract: notes 10)."""

from __future__ import annotations

from difflib import SequenceMatcher

from hypothesis import given
from hypothesis import strategies as st

from projections.search.ranking import Candidate, Likeness

TEXTS = st.text(alphabet="abcé 京", max_size=30)


@given(TEXTS.filter(bool), TEXTS, TEXTS, TEXTS, st.sampled_from([0.0, 0.45, 0.8]))
def test_likeness_is_the_greatest_ratio_or_below_the_goal(query: str, title: str, description: str, head: str, goal: float) -> None:
    texts = [title, description, head, f"{title} {description} {head}"]
    greatest = max(SequenceMatcher(None, query, text).ratio() if text else 0.0 for text in texts)
    likeness = Likeness(query).of(Candidate(1, 0, title, description, head, ""), at_least=goal)
    assert likeness == greatest or max(likeness, greatest) < goal
