"""Searching notes over HTTP, with and without the index (contract: notes 10)."""

from __future__ import annotations

from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any

import httpx
import pytest

from tests.door.people import Person

MakeNote = Callable[..., int]
CatchUp = Callable[[], None]

NOTES = [
    ("Cell biology", "# Cell biology\n\nMembranes and organelles."),
    ("Meaningful Structures", "Beams and columns."),
    ("Shopping", "Milk, eggs, C++ primer, café au lait."),
    ("日本語のノート", "東京都は日本の首都です。検索できるはず。"),
    ("中文", "细胞膜和细胞器"),
    ("ΟΔΥΣΣΕΥΣ", "Ithaca İstanbul Straße"),
    ("Long", "filler " * 2000 + "needle-at-the-end " + "filler " * 500),
    ("50% off_now", "percent \\ backslash 'quote' \"double\" %s {braces}"),
    ("Quantum fields", "cell phones and membranes"),
]
QUERIES = [
    "cell membranes", "cel biolgy", "meanng strctres", "quantum", "membranes", "c++", "caf", "検索", "東京都", "细胞", "都",
    "needle-at-the-end", "CELL Cell", "50% off_now", "\\", "'quote'", "{braces}", "%s", "structures", "zzzzqqq", "a", "cell cell quantum",
]  # fmt: skip


def by_the_contract(query: str, notes: list[dict[str, Any]]) -> list[int]:
    """The order as the contract words it, over all notes."""
    query = query.lower().strip()
    scored = []
    for note in notes:
        title, description, content = note["title"].lower(), (note["description"] or "").lower(), note["content"].lower()
        everything = f"{title} {description} {content}"
        tokens = query.split()
        hits = sum(token in everything for token in tokens)
        title_hits = sum(token in title for token in tokens)
        texts = [title, description, content[:400], everything[:500]]
        likeness = max(SequenceMatcher(None, query, text).ratio() if text else 0.0 for text in texts)
        if hits or likeness >= 0.45:
            scored.append((-(10 * hits + 5 * title_hits + likeness), note["last_edit"], title, note["id"]))
    scored.sort(key=lambda entry: entry[2])
    scored.sort(key=lambda entry: entry[1], reverse=True)
    scored.sort(key=lambda entry: entry[0])
    return [entry[3] for entry in scored]


@pytest.fixture
def library(server: httpx.Client, make_note: MakeNote, mira: Person) -> list[dict[str, Any]]:
    """Mira's notes, with their texts."""
    ids = [make_note(mira, title=title, content=content) for title, content in NOTES]
    return [server.get(f"notes/{note}/", headers=mira.headers).json() for note in ids]


def find(server: httpx.Client, query: str, person: Person | None = None, **params: Any) -> dict[str, Any]:
    headers = person.headers if person else {}
    answer = server.get("notes/", params={"q": query, "limit": 50, **params}, headers=headers)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def ids(page: dict[str, Any]) -> list[int]:
    return [note["id"] for note in page["results"]]


def test_order_is_the_contracts_with_and_without_the_index(
    server: httpx.Client, library: list[dict[str, Any]], catch_up: CatchUp, mira: Person
) -> None:
    for _ in range(2):
        for query in QUERIES:
            page = find(server, query, mira)
            assert (query, ids(page)) == (query, by_the_contract(query, library))
            assert page["total"] == len(page["results"])
        catch_up()


def test_a_library_of_hundreds_of_notes_is_ordered_as_a_small_one(
    server: httpx.Client, make_notes: Callable[..., list[int]], catch_up: CatchUp, mira: Person
) -> None:
    texts = [("Metabolism", "Text of the day ATP."), ("Café", "crème"), *((f"Lecture {n}", f"Text of the day {n}.") for n in range(1, 301))]
    made = make_notes(mira, texts)
    catch_up()
    edited = server.get(f"notes/{made[0]}/", headers=mira.headers).json()["last_edit"]
    library = [
        {"id": note, "title": title, "description": "", "content": content, "last_edit": edited}
        for note, (title, content) in zip(made, texts, strict=True)
    ]
    for query in ["Lecture 3", "lecture 30", "atp", "text atp", "lecture text day atp", "metabolsm", "day", "lectrue 12"]:
        expected = by_the_contract(query, library)
        page = find(server, query, mira)
        assert (query, page["total"], ids(page)) == (query, len(expected), expected[:50])
        last = find(server, query, mira, offset=max(len(expected) - 50, 0))
        assert (query, ids(last)) == (query, expected[-50:])
    assert ids(find(server, "creme", mira)) == [made[1]]


def test_letters_that_are_one_in_lower_case_are_the_same_in_texts_and_queries(
    server: httpx.Client, make_note: MakeNote, catch_up: CatchUp, mira: Person
) -> None:
    note = make_note(mira, title="Journeys", content="İstanbul, ΟΔΥΣΣΕΥΣ; Οδυσσεύς")
    for _ in range(2):
        for query in ["İstanbul", "istanbul", "İSTANBUL", "ΟΔΥΣΣΕΥΣ", "οδυσσευς", "Οδυσσεύς", "οδυσσεύσ"]:
            assert (query, ids(find(server, query, mira))) == (query, [note])
        catch_up()


def test_accents_do_not_hide_a_note_and_come_last(
    server: httpx.Client, library: list[dict[str, Any]], catch_up: CatchUp, mira: Person
) -> None:
    catch_up()
    assert [note["title"] for note in find(server, "cafe", mira)["results"]] == ["Shopping"]


def test_pages_do_not_overlap(server: httpx.Client, make_note: MakeNote, mira: Person) -> None:
    made = [make_note(mira, title=f"Page {n}", content="common word") for n in range(7)]
    first = find(server, "common", mira, limit=3)
    assert (first["total"], first["has_more"], first["limit"], first["offset"]) == (7, True, 3, 0)
    rest = find(server, "common", mira, limit=3, offset=3), find(server, "common", mira, limit=3, offset=6)
    assert sorted([*ids(first), *ids(rest[0]), *ids(rest[1])]) == sorted(made)
    assert rest[1]["has_more"] is False
    past = find(server, "common", mira, limit=3, offset=60)
    assert (past["results"], past["total"], past["has_more"]) == ([], 7, False)
    bare = server.get("notes/", params={"q": "common"}, headers=mira.headers).json()
    assert sorted(note["id"] for note in bare) == sorted(made)


def test_only_what_the_caller_may_read_is_found(
    server: httpx.Client, make_note: MakeNote, make_course: Callable[..., dict[str, Any]], catch_up: CatchUp, mira: Person, noah: Person
) -> None:
    course = make_course(mira)["id"]
    private = make_note(mira, title="xylophone one")
    public = make_note(mira, course, title="xylophone two", is_public=True)
    for _ in range(2):
        assert ids(find(server, "xylophone")) == [public]
        assert ids(find(server, "xylophone", noah, scope="all")) == [public]
        assert ids(find(server, "xylophone", noah)) == []
        assert set(ids(find(server, "xylophone", mira))) == {private, public}
        assert ids(find(server, "xylophone", mira, course_id=course)) == [public]
        assert ids(find(server, "xylophone", mira, scope="private")) == [private]
        catch_up()
    server.patch(f"notes/{public}/", json={"is_public": False}, headers=mira.headers)
    assert ids(find(server, "xylophone")) == []
    server.delete(f"notes/{private}/", headers=mira.headers)
    for _ in range(2):
        assert ids(find(server, "xylophone", mira)) == [public]
        catch_up()
    server.post(f"notes/{private}/restore/", json={}, headers=mira.headers)
    for _ in range(2):
        assert set(ids(find(server, "xylophone", mira))) == {private, public}
        catch_up()


def test_an_edit_is_found_at_once_and_the_old_text_is_not(
    server: httpx.Client, make_note: MakeNote, catch_up: CatchUp, mira: Person
) -> None:
    note = make_note(mira, title="Edited", content="İ before " + "text " * 50)
    catch_up()
    server.patch(f"notes/{note}/", json={"content": "İ after " + "text " * 50}, headers=mira.headers)
    for _ in range(2):
        assert ids(find(server, "after", mira)) == [note]
        assert ids(find(server, "before", mira)) == []
        catch_up()


@pytest.mark.parametrize(
    "query", ["x" * 5_000, "word " * 1_500, "%", "_", "🦄", "\u202e", "((((", "a\tb", "'; DROP TABLE", "$1", "\ufffd", "\\\\"]
)
def test_any_query_gets_an_answer(server: httpx.Client, make_note: MakeNote, mira: Person, query: str) -> None:
    make_note(mira, title="unicorn 🦄", content="text")
    for scope in ("personal", "all"):
        find(server, query, mira, scope=scope)
    find(server, query)


def test_snippets_mark_the_words_and_nothing_else_is_markup(
    server: httpx.Client, make_note: MakeNote, catch_up: CatchUp, mira: Person
) -> None:
    make_note(mira, title="Marked", content="lead " * 100 + "<b>The Ångström</b> unit & <script>ångström</script>")
    for _ in range(2):
        (note,) = find(server, "ångström", mira)["results"]
        assert "&lt;b&gt;The <mark>Ångström</mark>&lt;/b&gt; unit &amp; &lt;script&gt;<mark>ångström</mark>" in note["snippet"]
        assert "<b>" not in note["snippet"]
        catch_up()


def test_a_note_of_five_megabytes_is_saved_and_found(server: httpx.Client, catch_up: CatchUp, mira: Person) -> None:
    words = " ".join(f"w{n:x}" for n in range(700_000))
    content = f"{words} behind-it-all"
    assert len(content) > 4_500_000
    made = server.post("notes/", json={"title": "Huge", "content": content}, headers=mira.headers)
    assert made.status_code == 201
    for _ in range(2):
        assert ids(find(server, "behind-it-all", mira)) == [made.json()["id"]]
        catch_up()
