"""Changes of texts that wait in memory until several are put in at one go."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any, cast

import orjson
import pytest

from eventstore.codec import encode
from eventstore.events.notes import NoteTextSpliced
from eventstore.reader import LogRow
from projections.fold import Fold, FoldFailed
from projections.gathering import GATHERED, MADE_CHARACTERS, forget_texts
from projections.notes.projector import Notes, NoteTextRow
from projections.search.projector import EntryRow, Search
from tests.replay.test_sharing import note

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "# Zellbiologie\n\n" + "Ein Wort, NOCH ein Wörtchen. " * 40


def changed(text: str, number: int, seed: int) -> tuple[list[NoteTextSpliced], str]:
    """So many changes at random places, and the text after them."""
    dice = random.Random(seed)
    events = []
    for version in range(2, number + 2):
        removed = dice.randint(0, min(20, len(text)))
        at, inserted = dice.randint(0, len(text) - removed), "Ä" * dice.randint(0, 30)
        text = text[:at] + inserted + text[at + removed :]
        events.append(
            NoteTextSpliced(originator_id="note-1", originator_version=version, timestamp=NOW, at=at, removed=removed, inserted=inserted)
        )
    return events, text


def text_row() -> NoteTextRow:
    return NoteTextRow(1, "Zellbiologie", LONG, NOW, NOW, explicit="", blocks_hold=False)


def entry_row() -> EntryRow:
    return EntryRow(1, 1, None, is_public=False, is_deleted=False, title="", description="", content=LONG)


@pytest.mark.parametrize("number", [1, 2, GATHERED - 1, GATHERED, GATHERED + 1, 5 * GATHERED + 3])
def test_all_are_in_the_text_that_is_stored(number: int) -> None:
    events, text = changed(LONG, number, number)
    row, entry = text_row(), entry_row()
    for event in events:
        row.splice(event.splice)
        entry.splice(event.splice)
    row.finish()
    entry.finish()
    assert row.content == text
    assert entry.content == text.lower()
    assert (row.splices, entry.splices) == (None, None)


def test_a_text_that_comes_as_a_whole_takes_the_place_of_what_waits() -> None:
    events, _ = changed(LONG, 3, 1)
    row, entry = text_row(), entry_row()
    for event in events:
        row.splice(event.splice)
        entry.splice(event.splice)
    row.replace("Neu")
    entry.replace("Neu")
    for finished in (row, entry):
        finished.finish()
    assert (row.content, entry.content) == ("Neu", "neu")


@pytest.mark.parametrize("part", [{"at": "1"}, {"removed": None}, {"inserted": 7}, {"at": -1}, {"removed": -1}])
def test_a_change_that_is_none_fails_where_it_stands(part: dict[str, Any]) -> None:
    """Not when the text is stored, where nobody would know which event it was."""
    created = note(1, LONG)
    wrong = {"at": 0, "removed": 0, "inserted": "a", **part}
    spliced = LogRow(2, "note-1", 2, "NoteTextSpliced", orjson.dumps(wrong), b"{}", NOW)
    for projection in (Notes(), Search()):
        fold = Fold(cast(Any, None), {projection: projection.name})
        fold.take([LogRow(1, "note-1", 1, "NoteCreated", encode(created), b"{}", NOW)])
        with pytest.raises(FoldFailed, match=f"{projection.name}: NoteTextSpliced of note-1 at position 2"):
            fold.take([spliced])


def gathered(row: NoteTextRow | EntryRow, events: list[NoteTextSpliced]) -> str:
    for event in events:
        row.splice(event.splice)
    return row.whole()


def test_rows_that_gather_the_same_changes_share_one_text() -> None:
    events, text = changed(LONG, GATHERED, 1)
    row, entry = text_row(), entry_row()
    assert gathered(row, events) == text
    assert gathered(entry, events) is row.content
    forget_texts()
    again = gathered(text_row(), events)
    assert again == text
    assert again is not text


def test_other_changes_of_the_same_text_make_another_text() -> None:
    for seed in range(20):
        events, text = changed(LONG, GATHERED, seed)
        assert gathered(text_row(), events) == text
        others, other = changed(LONG, GATHERED + seed % 3, seed + 1)
        assert gathered(text_row(), others) == other
        assert gathered(entry_row(), events) == text


def test_only_some_texts_are_kept_for_other_rows() -> None:
    long = "Ein Wort. " * (MADE_CHARACTERS // 10 // 8)
    kept = []
    for number in range(1, 12):
        events, _ = changed(long, GATHERED, number)
        row = NoteTextRow(number, "", long + str(number), NOW, NOW, explicit="", blocks_hold=False)
        kept.append((row.content, events, gathered(row, events)))
    shared = [gathered(NoteTextRow(1, "", before, NOW, NOW, "", False), events) is after for before, events, after in reversed(kept)]
    assert shared[0]
    assert not shared[-1]
    endless = NoteTextRow(1, "", long * 9, NOW, NOW, explicit="", blocks_hold=False)
    assert gathered(endless, changed(long * 9, GATHERED, 3)[0]) == changed(long * 9, GATHERED, 3)[1]
    forget_texts()


def test_two_threads_may_ask_for_the_text_at_once() -> None:
    def at_once(ask: Callable[[], Any]) -> list[Any]:
        answers: list[Any] = []
        barrier = Barrier(2)

        def wait_and_ask() -> None:
            barrier.wait()
            answers.append(ask())

        threads = [Thread(target=wait_and_ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    for seed in range(200):
        events, text = changed(LONG, GATHERED - 1, seed)
        row = text_row()
        for event in events:
            row.splice(event.splice)
        assert at_once(row.whole) == [text, text]
