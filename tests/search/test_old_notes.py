"""Notes behind the newest ones are found by the index alone (contract: notes 10)."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from projections.search.queries import WHOLE
from projections.search.text import folded, likely_parts, parts_of_text, parts_of_word
from tests.door.people import Person
from tests.search.test_search import find, ids

MakeNotes = Callable[..., list[int]]


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
    server: httpx.Client, make_notes: MakeNotes, catch_up: Callable[[], None], mira: Person
) -> None:
    (old,) = make_notes(mira, [("Meaningful", "Antidisestablishment, 東京都は日本の首都です, café au lait")])
    make_notes(mira, [(str(nth), "-") for nth in range(WHOLE + 5)])
    catch_up()
    queries = ["antidisestablishment", "disestab", "stabl", "tabl", "tab", "ANTI", "首都", "都", "日本の首都です"]
    for query in [*queries, "lait stabl", "meaningful", "cafe", "meanngful"]:
        assert (query, ids(find(server, query, mira))) == (query, [old])


def test_in_a_large_library_an_old_note_is_found_by_its_title_and_by_its_rare_words(
    server: httpx.Client, make_notes: MakeNotes, catch_up: Callable[[], None], mira: Person
) -> None:
    texts = [("Lecture", "Text of the day."), ("Lecture 3", "Text of the day."), ("Metabolism", "Text of the day ATP, lecturers")]
    short, third, rare = make_notes(mira, texts)
    make_notes(mira, [(f"Lecture 3{nth:04}", f"Text of the day {nth}.") for nth in range(WHOLE + 5)])
    catch_up()
    for query, note in [("Lecture 3", third), ("lecture", short), ("atp", rare), ("text atp", rare), ("lecture text day atp", rare)]:
        assert (query, ids(find(server, query, mira))[:1]) == (query, [note])
