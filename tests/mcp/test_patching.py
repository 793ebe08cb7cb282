"""Reading and changing a part of a text: outline, sections, patches (contract: mcp 7)."""

from __future__ import annotations

import pytest

from tests.mcp.people import Keeper


def test_patching_finds_exactly_one_place(keeper: Keeper) -> None:
    note = keeper.call("create_note", title="Plan", content="# Plan\n\nuno two two\n\n## Open\n\n- a\n\n## Done\n\n- b")
    number = note["id"]
    assert "occurs 2 times" in keeper.refused("patch_note", note_id=number, find="two", replace="2")
    assert "occurs 0 times" in keeper.refused("patch_note", note_id=number, find="three", replace="3")
    preview = keeper.call("patch_note", note_id=number, find="uno", replace="1", dry_run=True)
    assert preview["dry_run"] is True
    assert preview["content"].startswith("# Plan\n\n1 two")
    assert keeper.call("get_note", note_id=number)["content"] == note["content"]
    assert keeper.call("patch_note", note_id=number, find="uno", replace="1")["content"].startswith("# Plan\n\n1 two two")
    inserted = keeper.call("patch_note", note_id=number, heading="Open", insert="- c")["content"]
    assert inserted == "# Plan\n\n1 two two\n\n## Open\n\n- a\n\n- c\n\n## Done\n\n- b"
    assert keeper.call("patch_note", note_id=number, append="The end")["content"].endswith("- b\n\nThe end")
    for wrong in ({}, {"find": "a"}, {"insert": "x"}, {"insert": "x", "heading": "Nowhere"}, {"find": "a", "replace": "b", "append": "c"}):
        assert keeper.refused("patch_note", note_id=number, **wrong)


@pytest.mark.parametrize(
    ("content", "patched"),
    [
        ("## A\n```ls -l``` lists\n\n## B\nb\n", "## A\n```ls -l``` lists\n\nnew\n\n## B\nb\n"),
        ("## A\n- ```bash\n  ls\n  ```\n\n## B\nb", "## A\n- ```bash\n  ls\n  ```\n\nnew\n\n## B\nb"),
        ("A\n---\na\n\nB\n---\nb", "A\n---\na\n\nnew\n\nB\n---\nb"),
        ("## A\n~~~\n## no\n~~~\n\n> ## no\n\n## B\nb", "## A\n~~~\n## no\n~~~\n\n> ## no\n\nnew\n\n## B\nb"),
        ("## A\r\na\r\n\r\n## B\r\nb", "## A\r\na\r\n\r\nnew\r\n\r\n## B\r\nb"),
    ],
    ids=["code in a line", "code in a list", "underlined", "code and quotes", "line ends of Windows"],
)
def test_sections_are_those_that_the_blocks_of_a_note_begin(keeper: Keeper, content: str, patched: str) -> None:
    note = keeper.call("create_note", title="Sections", content=content)
    assert [block["text"] for block in keeper.call("get_note", note_id=note["id"])["blocks"] if block["block_type"] == "S"] == ["A", "B"]
    outline = keeper.call("get_note_outline", note_id=note["id"])["headings"]
    assert [(heading["level"], heading["heading"]) for heading in outline] == [(2, "A"), (2, "B")]
    end_of_line = "\r\n" if "\r\n" in content else "\n"
    assert content.split(end_of_line)[outline[1]["line"] - 1].strip("# ") == "B"
    assert keeper.call("get_note_section", note_id=note["id"], index=2)["content"].strip().endswith("b")
    assert keeper.call("patch_note", note_id=note["id"], heading="A", insert="new")["content"] == patched


def test_a_heading_that_occurs_twice_is_read_by_its_index(keeper: Keeper) -> None:
    number = keeper.call("create_note", title="Twice", content="## A\n\none\n\n## A\n\ntwo")["id"]
    assert "Use index" in keeper.refused("get_note_section", note_id=number, heading="A")
    assert "find and replace" in keeper.refused("patch_note", note_id=number, heading="A", insert="x")
    assert keeper.call("get_note_section", note_id=number, index=2)["content"] == "## A\n\ntwo"


def test_patching_tells_overlapping_places_apart(keeper: Keeper) -> None:
    number = keeper.call("create_note", title="Overlap", content="aaa bbb")["id"]
    assert "occurs 2 times" in keeper.refused("patch_note", note_id=number, find="aa", replace="x")
    assert keeper.call("patch_note", note_id=number, find="aaa", replace="x")["content"] == "x bbb"


def test_patching_with_nothing_leaves_the_text_alone(keeper: Keeper) -> None:
    number = keeper.call("create_note", title="Still", content="# A\n\nx\n\n# B")["id"]
    for nothing in ({"append": ""}, {"insert": "", "heading": "A"}):
        assert keeper.call("patch_note", note_id=number, **nothing)["content"] == "# A\n\nx\n\n# B"


def test_patching_keeps_the_line_ends_of_the_text(keeper: Keeper) -> None:
    number = keeper.call("create_note", title="Windows", content="line one\r\nline two")["id"]
    patched = keeper.call("patch_note", note_id=number, find="line one\nline two", replace="one\ntwo")
    assert patched["content"] == "one\r\ntwo"
    assert keeper.call("patch_note", note_id=number, append="a\r\nb")["content"] == "one\r\ntwo\r\n\r\na\r\nb"
