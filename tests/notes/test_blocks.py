"""Blocks, and markdown to blocks and back (contract: notes 6 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from typing import Any, Literal

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from eventstore import blocks as reading
from eventstore.block_ids import free_id
from eventstore.blocks import Block, blocks_of, content_of, pieces_of

Write = Callable[..., dict[str, Any]]

LINES = """# A|## B|### C d|```|```py|~~~|> q|>|> > x|- a|- b|  - c|* s|1. one|    code||||text|日本語 テスト|![i](http://x/y.png)|[l](http://x)
<div>|</div>|===|---|[ref]: http://x|hello  |\ttab|# |x`y|`````|+ p|\\# no|Äpfel|ｆｕｌｌ""".replace("\n", "|").split("|")
texts = st.lists(st.sampled_from(LINES), max_size=12).map("\n".join)


def shown(blocks: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(block["block_type"], block["text"], block["args"]) for block in blocks]


@given(texts)
def test_text_survives_being_blocks(text: str) -> None:
    blocks = blocks_of(7, "Title", text, ())
    back = content_of(blocks, "Title")
    assert [block.piece for block in blocks_of(7, "Title", back, ())] == [block.piece for block in blocks]
    rendered = [_rendered(source) for source in (text, back)]
    title = "" if pieces_of(text)[:1] and pieces_of(text)[0].block_type == "T" else "<h1>Title</h1>"
    assert title + rendered[0] == rendered[1]


def _rendered(text: str) -> str:
    """As HTML, without white space that means nothing."""
    return "".join(MarkdownIt("commonmark").render(text).split())


@given(texts)
def test_plain_paragraphs_are_read_as_the_parser_would(text: str) -> None:
    parsed: list[reading.Piece] = []
    reading._add_special(parsed, [text], {}, to_the_end=True)
    assert pieces_of(text) == parsed


@given(texts, texts, texts)
def test_blocks_around_a_change_keep_their_ids(before: str, changed: str, after: str) -> None:
    explicit = [
        Block(1, "N", "first one"),
        Block(2, "C", "x = 1\n\ny = 2", "py"),
        Block(3, "N", "last but one"),
        Block(4, "N", "last one"),
    ]
    text = content_of(explicit, "Title").replace("last but one", changed)
    found = blocks_of(7, "Title", text, explicit)
    assert [block.id for block in found[:2]] == [1, 2]
    if not any(fence in changed for fence in ("`", "~", "<")):
        assert found[-1].id == 4
    assert len({block.id for block in found}) == len(found)


@example("", "", "# A", "# A")
@example("", "## B", "", "# A")
@example("", "`````\n```", "", "# A")
@example("", "  - c", "", "  - c\n    code")
@example("# A\n\n* d", "", " - e\n1. x\n```", "  - c\n")
@given(texts, texts, texts, texts)
def test_text_survives_beside_blocks_that_it_says_only_in_part(before: str, changed: str, earlier: str, after: str) -> None:
    """Blocks were written, then a text with the same beginning and end: what it says is what it would say without them."""
    explicit = blocks_of(7, "Title", f"{before}\n\n{earlier}\n\n{after}", ())
    text = f"{before}\n\n{changed}\n\n{after}"
    found = blocks_of(7, "Title", text, explicit)
    assert _rendered(content_of(found, "Title")) == _rendered(content_of(blocks_of(7, "Title", text, ()), "Title"))


class Counting(dict[int, int]):
    """Counts how often it is looked into."""

    looks = 0

    def __contains__(self, key: object) -> bool:
        self.looks += 1
        return super().__contains__(key)


TIMES = 4_000
SEEDS = {
    "all the same": [5] * TIMES,
    "each in front of the last": list(range(TIMES, 0, -1)),
    "runs that grow into each other": [place for place in range(64) for _ in range(TIMES // 64)],
    "the far end of a run and its beginning in turn": [(0, place // 2)[place % 2] for place in range(TIMES)],
    "halves that meet": [at for width in (1024, 512, 256, 128, 64) for at in range(0, 2048, width) for _ in range(width // 4)],
    "over the end of the bits": [0xFFFFFF] * TIMES,
}


@pytest.mark.parametrize("seeds", SEEDS.values(), ids=SEEDS)
def test_ids_are_found_in_few_steps_whatever_the_texts_are_chosen_for(seeds: list[int]) -> None:
    taken = Counting()
    found = [free_id(7, seed, taken) for seed in seeds]
    assert taken.looks < len(seeds) * log2(len(seeds))
    # They are the first free ones behind the seeds, as ever.
    used: set[int] = set()
    for seed, block_id in zip(seeds, found, strict=True):
        assert block_id not in used
        assert block_id >> 24 == 7
        low = block_id & 0xFFFFFF
        assert low == seed or (7 << 24) + ((low - 1) & 0xFFFFFF) in used
        used.add(block_id)


def test_ids_of_a_text_are_those_that_clients_know() -> None:
    """Also where texts were chosen so that their ids would be the same: the second is behind the first."""
    found = [(block.text, block.id) for block in blocks_of(7, "Title", "HGPPWG\n\nsame\n\nsame\n\nVQACSM", ())]
    assert found == [("Title", 121010283), ("HGPPWG", 129454034), ("same", 127577418), ("same", 122732932), ("VQACSM", 129454035)]


def test_an_id_that_a_block_has_is_not_given_again() -> None:
    (said,) = blocks_of(7, "Title", "text", ())[1:]
    explicit = [Block(said.id, "N", "another"), Block(said.id + 1, "N", "and one")]
    found = blocks_of(7, "Title", "another\n\ntext\n\nand one", explicit)
    assert [block.id for block in found] == [found[0].id, said.id, said.id + 2, said.id + 1]


COSTLY = {
    "numbered list": "1. a\n",
    "list of each kind": "- a\n+ a\n",
    "headings": "#\n",
    "quoted lists": "> 1. " * 9 + "a\n",
    "paragraphs": ".\n\n",
    "lists apart": "- a\n\ntext\n\n",
}


@pytest.mark.parametrize("line", COSTLY.values(), ids=COSTLY)
def test_text_that_would_take_long_to_read_is_a_title_and_one_block(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    push = StateBlock.push

    def counting(state: StateBlock, name: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        made.append(name)
        return push(state, name, tag, nesting)

    monkeypatch.setattr(StateBlock, "push", counting)
    body = (line * 200_000)[:200_000]
    found = pieces_of(f"# Title\n\n{body}")
    assert [piece.block_type for piece in found] == ["T", "N"]
    assert found[1].text == body.rstrip()
    assert len(made) < 4 * reading.MOST_STARTS


@pytest.mark.parametrize(
    ("part", "times", "expected"),
    [
        ("- " + "word " * 15 + "\n", 4_000, "N"),
        ("## Heading\n\n" + "word " * 60 + "\n\n", 1_000, "SN" * 1_000),
        ("```\n" + "- x\n" * 60_000 + "```\n\n", 1, "C"),
    ],
    ids=["list", "headings", "code"],
)
def test_ordinary_long_text_is_read_as_what_it_is(part: str, times: int, expected: str) -> None:
    found = pieces_of("# Title\n\n" + part * times + "\n## Last\n\n> quoted")
    assert "".join(piece.block_type for piece in found) == f"T{expected}SQ"


def test_text_without_a_heading_begins_with_the_title_whatever_was_written_as_blocks(mira: httpx.Client, write: Write) -> None:
    note = write("Note", content="Hello")
    mira.post(f"notes/{note['id']}/blocks/", json={"block_type": "N", "text": "more"})
    mira.post("undo/")
    back = mira.get(f"notes/{note['id']}/").json()["blocks"]
    assert (shown(back), [block["id"] for block in back]) == (shown(note["blocks"]), [block["id"] for block in note["blocks"]])
    mira.patch(f"notes/{note['id']}/", json={"blocks": [{"block_type": "T", "text": "Head"}, {"text": "body"}]})
    for content, expected in [("body", [("T", "Note", None), ("N", "body", None)]), ("", [("T", "Note", None)])]:
        assert shown(mira.patch(f"notes/{note['id']}/", json={"content": content}).json()["blocks"]) == expected


def _mixed(client: httpx.Client) -> dict[str, Any]:
    """A note that was written as blocks, and then as text."""
    given = [("T", "T"), ("E", "example"), ("P", "proof")]
    blocks = [{"block_type": block_type, "text": text} for block_type, text in given]
    note = client.post("notes/", json={"title": "T", "blocks": blocks}).json()
    mixed: dict[str, Any] = client.patch(f"notes/{note['id']}/", json={"content": note["content"] + "\n\nmore"}).json()
    assert [block["block_type"] for block in mixed["blocks"]] == ["T", "E", "P", "N"]
    return mixed


def _kinds(blocks: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(block["id"], block["block_type"], block["text"]) for block in blocks]


@pytest.mark.parametrize("change", ["all", "one", "kind", "gone", "order"])
def test_undoing_a_change_of_blocks_brings_back_the_blocks_that_were(mira: httpx.Client, change: str) -> None:
    note = _mixed(mira)
    ids = [block["id"] for block in note["blocks"]]
    match change:
        case "all":
            mira.patch(f"notes/{note['id']}/", json={"blocks": [{"block_type": "T", "text": "x"}]})
        case "one":
            mira.patch(f"blocks/{ids[1]}/", json={"text": "another"})
        case "kind":
            mira.patch(f"blocks/{ids[1]}/", json={"block_type": "P"})
        case "gone":
            mira.delete(f"blocks/{ids[1]}/")
        case "order":
            mira.post(f"notes/{note['id']}/reorder/", json={"ordered_block_ids": ids[::-1]})
    assert _kinds(mira.get(f"notes/{note['id']}/").json()["blocks"]) != _kinds(note["blocks"])
    assert mira.post("undo/").status_code == 200
    back = mira.get(f"notes/{note['id']}/").json()
    assert (back["content"], _kinds(back["blocks"])) == (note["content"], _kinds(note["blocks"]))
    assert mira.patch(f"blocks/{ids[1]}/", json={"text": "found"}).status_code == 200


@pytest.mark.parametrize("change", [{"text": "an example\n\nof two"}, {"block_type": "Q"}, {"block_type": "P"}])
def test_undoing_an_earlier_change_of_blocks_keeps_kinds_and_ids(mira: httpx.Client, change: dict[str, Any]) -> None:
    note = _mixed(mira)
    ids = [block["id"] for block in note["blocks"]]
    mira.patch(f"blocks/{ids[1]}/", json=change)
    named = mira.get("changes/").json()["results"][0]["id"]
    mira.patch(f"blocks/{ids[2]}/", json={"text": "proven\n\ntwice"})
    mira.patch(f"blocks/{ids[3]}/", json={"block_type": "C"})
    expected = _kinds(mira.get(f"notes/{note['id']}/").json()["blocks"])
    expected[1] = (ids[1], "E", "example")
    assert mira.post("undo/", json={"change": named}).status_code == 200
    assert _kinds(mira.get(f"notes/{note['id']}/").json()["blocks"]) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Hello", [("T", "Note", None), ("N", "Hello", None)]),
        ("# A\n\nbody\n## B\ntext", [("T", "A", None), ("N", "body", None), ("S", "B", "##"), ("N", "text", None)]),
        ("intro\n# A\nx", [("T", "Note", None), ("N", "intro", None), ("S", "A", "#"), ("N", "x", None)]),
        ("# A", [("T", "A", None)]),
        ("", [("T", "Note", None)]),
        ("# A\n\n```py\n# no heading\n\nx\n```", [("T", "A", None), ("C", "# no heading\n\nx", "py")]),
        ("# A\n\n> said\n> so\n\n- one\n\n- two", [("T", "A", None), ("Q", "said\nso", None), ("L", "one\ntwo", None)]),
        (
            "# A\n\n![cell](http://x/y.png)\n\n[site](http://x)",
            [("T", "A", None), ("I", "cell", "http://x/y.png"), ("U", "site", "http://x")],
        ),
    ],
)
def test_text_is_read_as_blocks(write: Write, content: str, expected: list[Any]) -> None:
    assert shown(write("Note", content=content)["blocks"]) == expected


@pytest.mark.parametrize(
    ("block", "piece"),
    [
        ({"block_type": "N", "text": " plain \n\ntext\n"}, "plain \n\ntext"),
        ({"block_type": "S", "text": "Deeper", "args": "###"}, "### Deeper"),
        ({"block_type": "S", "text": "Two\nlines"}, "## Two lines"),
        ({"block_type": "U", "text": "", "args": "http://x"}, "[http://x](http://x)"),
        ({"block_type": "U", "text": "only words"}, "only words"),
        ({"block_type": "C", "text": "a\n\n  b", "args": "py"}, "```py\na\n\n  b\n```"),
        ({"block_type": "C", "text": "```\nx\n```"}, "````\n```\nx\n```\n````"),
        ({"block_type": "C", "text": "x", "args": "a`b"}, "~~~ a`b\nx\n~~~"),
        ({"block_type": "C", "text": "```\n~~~\nx", "args": "~`"}, "~~~~ ~`\n```\n~~~\nx\n~~~~"),
        ({"block_type": "C", "text": "x", "args": "a\r\nb"}, "```a b\nx\n```"),
        ({"block_type": "Q", "text": "a\r\n\r\nb"}, "> a\n> b"),
        ({"block_type": "I", "text": "alt", "args": "http://x/y.png"}, "![alt](http://x/y.png)"),
        ({"block_type": "L", "text": "a\nb"}, "- a\n\n- b"),
        ({"block_type": "H", "text": "<b>x</b>"}, "<b>x</b>"),
        ({"block_type": "E", "text": "example"}, "example"),
        ({"block_type": "P", "text": "proof"}, "proof"),
    ],
)
def test_block_becomes_text_and_stays_what_it_was(mira: httpx.Client, write: Write, block: dict[str, Any], piece: str) -> None:
    note = write("Note", content="# Head\n\nbody")
    added = mira.post(f"notes/{note['id']}/blocks/", json={**block, "is_AI_generated": True})
    assert added.status_code == 201
    assert added.json()["block_type"] == block["block_type"]
    now = mira.get(f"notes/{note['id']}/").json()
    assert now["content"] == f"# Head\n\nbody\n\n{piece}"
    assert now["blocks"][-1] == added.json() == mira.get(f"blocks/{added.json()['id']}/").json()
    assert [entry["id"] for entry in now["blocks"][:2]] == [entry["id"] for entry in note["blocks"]]
    assert now["blocks"][-1]["is_AI_generated"] is True


@pytest.mark.parametrize(("kind", "kept"), [("Q", "a\nb\nc"), ("L", "a\nb\nc"), ("N", "a\n\n\nb\nc"), ("H", "a\n\n\nb\nc"), ("S", "a b c")])
def test_line_breaks_are_kept_as_the_type_has_them(mira: httpx.Client, write: Write, kind: str, kept: str) -> None:
    block = {"block_type": kind, "text": "a\r\n\n\nb\r\nc"}
    note = write("Note", blocks=[block])
    added = mira.post(f"notes/{note['id']}/blocks/", json=block).json()
    assert [note["blocks"][0]["text"], added["text"]] == [kept, kept]
    changed = mira.patch(f"blocks/{added['id']}/", json={"block_type": "E", "text": block["text"]}).json()
    assert changed["text"] == "a\n\n\nb\nc"
    assert mira.patch(f"blocks/{added['id']}/", json={"block_type": kind}).json()["text"] == kept


@pytest.mark.parametrize("args", ["py", "a`b", "~x`", "```", "~~~", "a\n`b"])
@pytest.mark.parametrize("code", ["", "x", "~~~\n```\nx\n~~~~"])
def test_code_is_read_back_whatever_stands_in_its_opening_line(args: str, code: str) -> None:
    text = content_of([Block(1, "T", "A"), Block(2, "C", code, args), Block(3, "N", "after")], "A")
    assert pieces_of(text) == [("T", "A", None), ("C", code, args.replace("\n", " ")), ("N", "after", None)]


def test_block_added_to_a_note_without_a_heading_puts_the_title_in_front(mira: httpx.Client, write: Write) -> None:
    note = write("Note", content="Hello\n\n- tight\n- list\n\n1. one")
    mira.post(f"notes/{note['id']}/blocks/", json={"block_type": "N", "text": "more"})
    content = mira.get(f"notes/{note['id']}/").json()["content"]
    assert content == "# Note\n\nHello\n\n- tight\n- list\n\n1. one\n\nmore"


def test_blocks_of_a_new_note_are_kept_as_given(mira: httpx.Client, write: Write) -> None:
    given = [{"block_type": "T", "text": "Head"}, {"text": "body"}, {"block_type": "E", "text": "example", "args": ""}]
    note = write("Note", blocks=given)
    assert shown(note["blocks"]) == [("T", "Head", None), ("N", "body", None), ("E", "example", None)]
    assert note["content"] == "# Head\n\nbody\n\nexample"
    both = write("Note", blocks=given, content="other text")
    assert (both["content"], shown(both["blocks"])) == ("other text", shown(note["blocks"]))
    for block, errors in [
        ({"block_type": "XX"}, {"block_type": ['"XX" is not a valid choice.']}),
        ({"args": "a" * 257}, {"args": ["Ensure this field has no more than 256 characters."]}),
    ]:
        answer = mira.post("notes/", json={"title": "t", "blocks": [{}, block]})
        assert (answer.status_code, answer.json()) == (400, {"blocks": {"1": errors}})
    bad = mira.post("notes/", json={"title": "t", "blocks": ["x"]})
    assert (bad.status_code, bad.json()) == (400, {"blocks": {"0": ['Expected a dictionary of items but got type "str".']}})


def test_patch_with_blocks_rebuilds_the_text(mira: httpx.Client, write: Write) -> None:
    note = write("Note", content="# Head\n\nbody\n\ntail")
    blocks = [{key: block[key] for key in ("block_type", "text", "args")} for block in note["blocks"]]
    blocks.insert(1, {"block_type": "N", "text": "new", "args": None})
    changed = mira.patch(f"notes/{note['id']}/", json={"blocks": blocks, "content": "discarded"}).json()
    assert changed["content"] == "# Head\n\nnew\n\nbody\n\ntail"
    ids = {block["text"]: block["id"] for block in changed["blocks"]}
    assert {block["text"]: block["id"] for block in note["blocks"]}.items() <= ids.items()
    empty = mira.patch(f"notes/{note['id']}/", json={"blocks": []}).json()
    assert (empty["content"], empty["blocks"]) == ("# Note", [])


def test_a_text_that_is_sent_again_ends_blocks_that_say_something_else(mira: httpx.Client, write: Write) -> None:
    note = write("T", content="Hello", blocks=[{"text": "Other"}])
    path = f"notes/{note['id']}/"
    assert shown(note["blocks"]) == [("N", "Other", None)]
    saved = mira.patch(path, json={"content": "Hello"}).json()
    assert (saved["content"], shown(saved["blocks"])) == ("Hello", [("T", "T", None), ("N", "Hello", None)])
    again = mira.patch(path, json={"content": "Hello"}).json()
    assert (again["blocks"], again["version"]) == (saved["blocks"], saved["version"] + 1)
    added = mira.post(path + "blocks/", json={"block_type": "N", "text": "more"})
    assert added.status_code == 201, added.text
    assert mira.get(path).json()["content"] == "# T\n\nHello\n\nmore"


def test_a_draft_with_text_and_blocks_can_be_sent_again(mira: httpx.Client) -> None:
    draft = {"title": "T", "content": "X text", "blocks": [{"block_type": "C", "text": "code"}], "client_draft_id": "draft_blocks"}
    note = mira.post("notes/", json=draft).json()
    assert (note["content"], shown(note["blocks"])) == ("X text", [("C", "code", None)])
    for _ in range(2):
        again = mira.post("notes/", json=draft).json()
        assert (again["outcome"], again["content"], again["blocks"]) == ("unchanged", "X text", note["blocks"])
    changed = mira.post("notes/", json={**draft, "content": "Y text", "blocks": [{"block_type": "C", "text": "more"}]}).json()
    assert (changed["outcome"], changed["content"], shown(changed["blocks"])) == ("updated", "Y text", [("C", "more", None)])


def test_block_keeps_its_id_when_it_changes_and_can_be_deleted(mira: httpx.Client, write: Write) -> None:
    note = write("Note", content="# Head\n\none\n\ntwo")
    block = note["blocks"][1]
    changed = mira.patch(f"blocks/{block['id']}/", json={"block_type": "Q", "text": "said"})
    assert (changed.status_code, changed.json()["id"]) == (200, block["id"])
    assert changed.json()["last_edit"] > block["last_edit"]
    assert changed.json()["date_created"] == block["date_created"]
    assert mira.get(f"notes/{note['id']}/").json()["content"] == "# Head\n\n> said\n\ntwo"
    assert mira.delete(f"blocks/{block['id']}/").status_code == 204
    assert mira.delete(f"blocks/{block['id']}/").json() == {"detail": "No NoteBlock matches the given query."}
    assert mira.get(f"notes/{note['id']}/").json()["content"] == "# Head\n\ntwo"


def test_blocks_are_reordered_as_a_whole(mira: httpx.Client, write: Write) -> None:
    note = write("Note", content="# Head\n\none\n\ntwo")
    head, one, two = (block["id"] for block in note["blocks"])
    path = f"notes/{note['id']}/reorder/"
    done = mira.post(path, json={"ordered_block_ids": [head, two, one]})
    assert (done.status_code, done.json()) == (200, {"message": "Blocks reordered."})
    now = mira.get(f"notes/{note['id']}/").json()
    assert now["content"] == "# Head\n\ntwo\n\none"
    assert [block["id"] for block in now["blocks"]] == [head, two, one]
    for ids in ([head, one], [head, one, two, two], [head, one, 5]):
        answer = mira.post(path, json={"ordered_block_ids": ids})
        assert (answer.status_code, answer.json()) == (400, ["Reorder list must contain all block ids exactly once."])
    assert mira.post(path, json={"ordered_block_ids": []}).json() == {"ordered_block_ids": ["Ensure this field has at least 1 elements."]}
    assert mira.post(path, json={"ordered_block_ids": ["x"]}).json() == {"ordered_block_ids": {"0": ["A valid integer is required."]}}
