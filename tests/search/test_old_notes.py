"""Notes behind the newest ones are found by the index alone (contract: notes 10)."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from projections.search.queries import NEWEST
from projections.search.text import folded, likely_parts, parts_of_text, parts_of_word
from tests.door.people import Person
from tests.search.test_search import find, ids


@pytest.mark.parametrize("text", ["antidisestablishment", "Ångström-Größe", "東京都は日本の首都です", "c++", "İstanbul", "ab", "naïveté"])
def test_every_piece_of_a_word_has_only_parts_of_its_text(text: str) -> None:
    word = folded(text)
    parts = parts_of_text(f"before {word} behind")
    for start in range(len(word)):
        for end in range(start + 1, len(word) + 1):
            piece = word[start:end]
            if len(piece) >= 3 or piece in (word, *parts):
                assert {*parts_of_word(piece), *(part for some in likely_parts([piece]) for part in some)} <= parts, piece


def test_an_old_note_is_found_by_any_piece_of_its_words(
    server: httpx.Client, make_note: Callable[..., int], catch_up: Callable[[], None], mira: Person
) -> None:
    old = make_note(mira, title="Meaningful", content="Antidisestablishment, 東京都は日本の首都です, café au lait")
    for nth in range(NEWEST + 5):
        make_note(mira, title=f"{nth}", content="-")
    catch_up()
    queries = ["antidisestablishment", "disestab", "stabl", "tabl", "tab", "ANTI", "首都", "都", "日本の首都です"]
    for query in [*queries, "lait stabl", "meaningful", "cafe", "meanngful"]:
        assert (query, ids(find(server, query, mira))) == (query, [old])
