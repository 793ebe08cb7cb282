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


def test_each_way_of_looking_finds_what_the_others_miss(
    server: httpx.Client, make_notes: MakeNotes, catch_up: Callable[[], None], mira: Person
) -> None:
    """Behind the newest notes, and behind more than are taken in of those that match as well in another way."""
    both_in_title, one_alone, one_in_title, with_the_rare_one = make_notes(
        mira,
        [
            ("Amber and basalt", "-"),
            ("1", "A quokka."),
            ("Cobalt", "-"),
            ("2", "umber vermilion walnut xylem yarrow"),
        ],
    )
    others = [("Amber", "basalt"), ("Basalt", "amber"), ("3", "cobalt dune"), ("4", "umber vermilion walnut xylem")]
    make_notes(mira, [(f"{title} {nth}", text) for nth in range(70) for title, text in others])
    make_notes(mira, [(str(nth), "umber vermilion walnut xylem" if nth >= WHOLE - 20 else "-") for nth in range(WHOLE)])
    catch_up()
    for query, note, place in [
        ("basalt amber", both_in_title, 0),
        ("zebra quokka", one_alone, 0),
        ("cobalt dune", one_in_title, None),
        ("umber vermilion walnut xylem yarrow", with_the_rare_one, 0),
    ]:
        found = ids(find(server, query, mira))
        assert note in found, query
        assert place is None or found[place] == note, query
