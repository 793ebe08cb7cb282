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
from projections.gathering import GATHERED
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
    return EntryRow(1, 1, None, is_public=False, is_deleted=False, title="", description="", content=LONG.lower())


@pytest.mark.parametrize("number", [1, 2, GATHERED - 1, GATHERED, GATHERED + 1, 5 * GATHERED + 3])
def test_all_are_in_the_text_that_is_stored(number: int) -> None:
    events, text = changed(LONG, number, number)
    row, entry = text_row(), entry_row()
    for event in events:
        row.splice(event.splice)
        entry.splice((event.at, event.removed, event.inserted.lower()))
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
        entry.splice((event.at, event.removed, event.inserted.lower()))
    row.replace("Neu")
    entry.replace("neu")
    for finished in (row, entry):
        finished.finish()
    assert (row.content, entry.content) == ("Neu", "neu")


@pytest.mark.parametrize("part", [{"at": "1"}, {"removed": None}, {"inserted": 7}])
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
