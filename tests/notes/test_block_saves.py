"""What saves of blocks cost in the log, and what reading a version of them takes (contract: notes 6 and 8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.notes.aggregate import Note
from eventstore.blocks import Block
from eventstore.codec import decode, encode
from eventstore.events import Event, notes
from projections.notes import past
from wiring import Services

Write = Callable[..., dict[str, Any]]

SENTENCE = "Water moves through small pores, number {}. "
TITLE = {"block_type": "T", "text": "Note"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def logged(services: Services, note: dict[str, Any]) -> list[tuple[str, int]]:
    """(type, size) of the note's events, in their order."""
    with psycopg.connect(services.settings.conninfo()) as connection:
        query = "SELECT type, length(data) FROM log.events WHERE stream = %s ORDER BY version"
        return connection.execute(query, [f"note-{note['id']}"]).fetchall()


def test_a_sentence_in_a_long_block_costs_a_few_hundred_bytes(mira: httpx.Client, write: Write, services: Services) -> None:
    text = SENTENCE.format(0) * 2_300
    other = {"block_type": "N", "text": "another one"}
    note = write(blocks=[TITLE, {"block_type": "N", "text": text}, other])
    before = len(logged(services, note))
    for number in range(3):
        half = text.index(". ", len(text) // 2) + 2
        text = text[:half] + SENTENCE.format(number) + text[half:]
        saved = mira.patch(f"notes/{note['id']}/", json={"blocks": [TITLE, {"block_type": "N", "text": text}, other]}).json()
        assert [block["text"] for block in saved["blocks"]] == ["Note", text, "another one"]
    block_id = saved["blocks"][1]["id"]
    assert mira.patch(f"blocks/{block_id}/", json={"text": text + "The end."}).status_code == 200
    # Where the cursor stood, the block is cut into two.
    halves = [{"block_type": "N", "text": text[:half]}, {"block_type": "N", "text": text[half:] + "The end."}]
    assert mira.patch(f"notes/{note['id']}/", json={"blocks": [TITLE, *halves, other]}).status_code == 200
    assert sum(size for _, size in logged(services, note)[before:]) < 5 * 600


def test_any_version_is_read_from_the_last_whole_list_on(mira: httpx.Client, write: Write, services: Services) -> None:
    texts = [SENTENCE.format(number) for number in range(40)]
    note = write(blocks=[TITLE])
    shown: dict[int, list[dict[str, Any]]] = {}
    for number in range(50):
        texts[number % 40] += SENTENCE.format(number)
        given_blocks = [TITLE, {"block_type": "N", "text": "".join(texts)}, {"block_type": "C", "text": f"x = {number}"}]
        saved = mira.patch(f"notes/{note['id']}/", json={"blocks": given_blocks}).json()
        shown[saved["version"]] = saved["blocks"]
    for version, blocks in shown.items():
        assert mira.get(f"notes/{note['id']}/", params={"as_of": str(version)}).json()["blocks"] == blocks
    query = past.replay(note["id"], [max(shown)])
    with psycopg.connect(services.settings.conninfo()) as connection:
        row = connection.execute(query.sql.encode(), query.params, binary=True).fetchone()
    assert row is not None
    read = sum(len(data) for type_name, data in zip(row[1], row[2], strict=True) if type_name in past._LISTS)
    assert read < 4 * len("".join(texts))
    assert "NoteBlocksReplaced" in [type_name for type_name, _ in logged(services, note)][10:]
    # Versions that lie far apart are each read from their own whole list on.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(past, "CLOSE", 0)
        query = past.replay(note["id"], list(shown))
    with psycopg.connect(services.settings.conninfo()) as connection:
        row = connection.execute(query.sql.encode(), query.params, binary=True).fetchone()
    assert row is not None
    states = past.states(note["id"], shown, row)
    assert {version: past.past_members(state)["blocks"] for version, state in states.items()} == shown


pieces = st.text("ab é\n😀", max_size=12)
block_lists = st.lists(
    st.builds(Block, st.integers(1, 6), st.sampled_from("NC"), st.one_of(pieces, pieces.map(lambda text: text * 30))), max_size=5
)


@given(st.lists(block_lists, min_size=1, max_size=8))
def test_blocks_are_replayed_as_they_were_written(lists: list[list[Block]]) -> None:
    note = new_note()
    written: dict[int, tuple[Block, ...]] = {}
    for blocks in lists:
        note.write_blocks(blocks, NOW)
        written[note.version] = tuple(blocks)
    events = [stored(event) for event in note.pending]
    replayed = Note.project(None, events)
    assert replayed is not None
    assert replayed.blocks() == written[note.version]
    assert replayed.blocks_spliced == note.blocks_spliced
    row = list(zip(*((e.originator_version, type(e).__name__, encode(e), e.timestamp) for e in events), strict=True))
    assert {version: state.explicit for version, state in past.states(1, written, row).items()} == written


def test_whole_blocks_in_older_events_are_read_and_followed_by_a_whole_list() -> None:
    """As blocks were once written: those that change with all of their text."""
    note = new_note()
    long = "word " * 1_000
    for number in range(3):
        payload = {"at": 0, "removed": min(number, 1), "inserted": [[1, "N", long + str(number)]]}
        note.trigger(notes.NoteBlocksWritten, NOW + timedelta(seconds=number), **payload)
    assert [block.text for block in note.blocks()] == [long + "2"]
    note.write_blocks([Block(1, "N", long + "3")], NOW + timedelta(minutes=1))
    assert isinstance(note.pending[-1], notes.NoteBlocksReplaced)
    note.write_blocks([Block(1, "N", long + "4")], NOW + timedelta(minutes=2))
    assert isinstance(note.pending[-1], notes.NoteBlocksWritten)
    assert note.pending[-1].texts == [5_000, 1, "4"]
    assert [block.text for block in note.blocks()] == [long + "4"]


def new_note() -> Note:
    note = Note("note-1")
    nothing = dict.fromkeys(("description", "course_id", "source_note_uuid", "client_draft_id"))
    note.trigger(
        notes.NoteCreated,
        NOW,
        owner_id=1,
        uuid="u",
        title="Note",
        content="",
        metadata_json="",
        is_public=False,
        editor_mode="P",
        note_type="N",
        **nothing,
    )
    return note


def stored(event: Event) -> Event:
    """The event as it comes out of the log."""
    return decode(type(event).__name__, event.originator_id, event.originator_version, encode(event), event.timestamp)
