"""What the text of a note is as blocks, and the other way round. Both sides read texts by these rules, since commands name
blocks by the ids that readers see (contract: notes 6 and 7).

Blocks that were written as blocks are explicit: kept with their ids. All others are derived from the text, which loses nothing:
whatever has no block type of its own stays verbatim in a block of normal text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from eventstore.block_ids import free_id, taken_ids

LONGEST_ARGS = 256
LONGEST_PARSED = 400_000
"""Characters. Longer texts become a title and one block."""
MOST_STARTS = 20_000
"""At so many places of a text the parser may look for the beginning of a block, else the text becomes a title and one block.

An item of a list that takes one line is four such places, a heading one; lines of code are none. Each costs 10 to 35 microseconds,
so reading a long text as markdown may take up to a second on a slow machine, and nothing else of the process runs meanwhile.
Without this bound 400,000 characters of tiny list items would take ten.
"""

BLOCK_TYPES = ("N", "U", "T", "S", "E", "P", "C", "Q", "I", "L", "H")
ONE_LINE_TYPES = frozenset("TUSI")
CLOSE_LINE_TYPES = frozenset("QL")
"""Whose lines are said one by one, so that blank ones say nothing."""

_BLOCK_RULES = MarkdownIt("commonmark")
_BLOCK_RULES.core.ruler.enableOnly(["normalize", "block"])


class _TooManyStarts(Exception):
    """Reading the text as markdown would take too long."""


def _count_start(state: StateBlock, _line: int, _end: int, _silent: bool) -> bool:
    """A rule of the parser that never holds: counts where it looks. Raises _TooManyStarts."""
    state.env["starts"] = starts = state.env.get("starts", 0) + 1
    if starts > MOST_STARTS:
        raise _TooManyStarts
    return False


# Asked first, also for each line that may end a paragraph, a quote or a list.
_BLOCK_RULES.block.ruler.before("code", "count_start", _count_start, {"alt": ["paragraph", "reference", "blockquote", "list"]})

_LINE_BREAKS = re.compile(r"\r\n?")
_LINE_BREAK_RUN = re.compile(r"[\r\n]+")
_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\(([^()\s]+)\)")
_LINK = re.compile(r"\[([^\[\]\n]*)\]\(([^()\s]+)\)")
_QUOTE_MARK = re.compile(r"^ {0,3}> ?", re.MULTILINE)
_FENCES = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_INDENTED = re.compile(r"\A(    | {0,3}\t)|\n[ \t]")
_BLANK_LINES = re.compile(r"(\n(?:[ \t]*\n)+)")
_PLAIN = re.compile(r"[^\W\d_][^\n]*(?:\n[^\W\d_][^\n]*)*\n?")
"""Lines that all begin with a letter are a paragraph, whatever stands around them, unless something reaches over blank lines."""
_SPANNING = re.compile(r"```|~~~|<")
_SET_IN = re.compile(r"\n*[ \t]")
_TITLE_HASH = crc32(b"title")


class Piece(NamedTuple):
    """What a block says."""

    block_type: str
    text: str
    args: str | None


class Block(NamedTuple):
    """A block of a note. created and edited are times as clients see them; None stands for those of the note's text."""

    id: int
    block_type: str
    text: str
    args: str | None = None
    is_ai_generated: bool = False
    created: str | None = None
    edited: str | None = None

    @property
    def piece(self) -> Piece:
        """What it says."""
        return Piece(self.block_type, self.text, self.args)


def normalized(block_type: str, text: str) -> str:
    """The text as it is kept: one line for types that have only one, else with plain line feeds (contract: notes 6.6)."""
    if block_type in ONE_LINE_TYPES:
        return _LINE_BREAK_RUN.sub(" ", text)
    if block_type in CLOSE_LINE_TYPES:
        return _LINE_BREAK_RUN.sub("\n", text)
    return _LINE_BREAKS.sub("\n", text)


# ---------------------------------------------------------------------- blocks -> text


def markdown(piece: Piece, title: str) -> str:
    """The markdown of one block, empty when it says nothing. title: the note's, for a title block without text."""
    text, args = piece.text.strip(), (piece.args or "").strip()
    match piece.block_type:
        case "T":
            return f"# {text or title}"
        case "S":
            return f"{args or '##'} {text}" if text else ""
        case "U":
            return f"[{text or args}]({args})" if args else text
        case "I":
            return f"![{text}]({args})" if args else text
        case "C":
            return _fenced(piece.text, _LINE_BREAK_RUN.sub(" ", args))
        case "Q":
            return "\n".join(f"> {line}" for line in piece.text.split("\n") if line.strip())
        case "L":
            return "\n\n".join(f"- {line}" for line in piece.text.split("\n") if line.strip())
    return _verbatim(piece.text)


def _fenced(code: str, args: str) -> str:
    """Between fences that are longer than those in the code. Only behind tildes may a backtick stand."""
    mark = "~" if "`" in args else "`"
    fence = mark * max([3, *(len(found) + 1 for found in _FENCES.findall(code) if found[0] == mark)])
    # A tilde at the beginning of the args is none of the fence.
    opening = f"{fence} {args}" if mark == "~" else f"{fence}{args}"
    return "\n".join([opening, *([code] if code else []), fence])


def content_of(blocks: Iterable[Block], title: str) -> str:
    """The text that the blocks are; begins with the note's title unless there is a title block."""
    blocks = list(blocks)
    pieces = [markdown(block.piece, title) for block in blocks]
    if all(block.block_type != "T" for block in blocks):
        pieces.insert(0, f"# {title}")
    return "\n\n".join(piece for piece in pieces if piece)


def _verbatim(text: str) -> str:
    """Without blank lines and spaces around it. A first line keeps indentation that makes it code or that later lines build on."""
    text = text.rstrip()
    text = text[text.rfind("\n", 0, len(text) - len(text.lstrip())) + 1 :]
    return text if _INDENTED.search(text) else text.lstrip()


# ---------------------------------------------------------------------- text -> blocks


def pieces_of(text: str, *, to_the_end: bool = True) -> list[Piece]:
    """The blocks of a markdown text, without loss. A level-one heading at its beginning is the title.

    to_the_end: nothing follows the text, so that a fence left open may be closed.
    """
    text = _LINE_BREAKS.sub("\n", text)
    if len(text) > LONGEST_PARSED:
        return _halves(text)
    try:
        return _parsed(text, to_the_end=to_the_end)
    except _TooManyStarts:
        return _halves(text)


def _parsed(text: str, *, to_the_end: bool) -> list[Piece]:
    pieces: list[Piece] = []
    special: list[str] = []
    env: dict[str, Any] = {}
    parts = _BLANK_LINES.split(text)
    for place in range(0, len(parts), 2):
        chunk = parts[place]
        # A line of its own is told by its first letter, without the pattern: most paragraphs are one.
        if (chunk[:1].isalpha() and "\n" not in chunk) or _PLAIN.fullmatch(chunk):
            if special:
                _add_special(pieces, special, env, to_the_end=False)
                special = []
            pieces.append(Piece("N", chunk.rstrip(), None))
        elif _SPANNING.search(chunk):
            # What begins here may reach over blank lines: only reading the rest tells where it ends.
            special.extend(parts[place:])
            break
        else:
            special.extend(parts[place : place + 2])
    _add_special(pieces, special, env, to_the_end=to_the_end)
    return pieces


def _add_special(pieces: list[Piece], chunks: Sequence[str], env: dict[str, Any], *, to_the_end: bool) -> None:
    """Parts of the text that are not just paragraphs, as the parser reads them. env: where it counts."""
    text = "".join(chunks)
    if not text.strip():
        return
    lines = text.split("\n")
    done = 0
    tokens = _BLOCK_RULES.parse(text, env)
    for index, token in enumerate(tokens):
        if token.level or token.nesting < 0 or token.map is None:
            continue
        start, end = token.map
        _add_plain(pieces, lines[done:start])
        source = _verbatim("\n".join(lines[start:end]))
        if token.type == "heading_open":
            piece = _heading(token.tag, tokens[index + 1].content, first=not pieces)
        elif token.type == "fence":
            piece = _code(token, lines[end - 1], to_the_end=to_the_end)
        else:
            piece = _READ[token.type](source) if token.type in _READ else None
        if source:
            pieces.append(piece or Piece("N", source, None))
        done = end
    _add_plain(pieces, lines[done:])


def _add_plain(pieces: list[Piece], lines: Sequence[str]) -> None:
    """Lines that the parser has no token for, such as definitions of links."""
    source = _verbatim("\n".join(lines))
    if source:
        pieces.append(Piece("N", source, None))


def _heading(tag: str, text: str, *, first: bool) -> Piece | None:
    level = int(tag[1:])
    text = text.strip()
    if not text or "\n" in text:
        return None
    return Piece("T", text, None) if first and level == 1 else Piece("S", text, "#" * level)


def _code(token: Token, last_line: str, *, to_the_end: bool) -> Piece | None:
    """A fence that is closed, or that may be since nothing follows."""
    assert token.map is not None
    end = last_line.strip()
    # A shorter fence is a line of the code.
    closed = token.map[1] - token.map[0] > 1 and end.startswith(token.markup) and not end.strip(token.markup[0])
    info = token.info.strip()
    if not (closed or to_the_end) or len(info) > LONGEST_ARGS:
        return None
    return Piece("C", token.content.removesuffix("\n") if token.content.strip("\n") else "", info or None)


def _quote(source: str) -> Piece | None:
    return _exact(Piece("Q", _QUOTE_MARK.sub("", source), None), source)


def _list(source: str) -> Piece | None:
    return _exact(Piece("L", "\n".join(item[2:] for item in source.split("\n\n")), None), source)


def _reference(source: str) -> Piece | None:
    for block_type, pattern in (("I", _IMAGE), ("U", _LINK)):
        match = pattern.fullmatch(source)
        if match and len(match[2]) <= LONGEST_ARGS:
            return _exact(Piece(block_type, match[1], match[2]), source)
    return None


def _exact(piece: Piece, source: str) -> Piece | None:
    return piece if markdown(piece, "") == source else None


_READ: dict[str, Callable[[str], Piece | None]] = {
    "blockquote_open": _quote,
    "bullet_list_open": _list,
    "html_block": lambda source: Piece("H", source, None),
    "paragraph_open": _reference,
}


def _halves(text: str) -> list[Piece]:
    first, _, rest = text.partition("\n")
    if first.startswith("# ") and first[2:].strip():
        return [Piece("T", first[2:].strip(), None), Piece("N", _verbatim(rest), None)]
    return [Piece("N", _verbatim(text), None)]


def headings_of(text: str) -> list[tuple[int, str, int]] | None:
    """(level, text, number of its first line, from 0 on) of each heading but those in quotes and lists.

    None for texts that are too long to be read as markdown.
    """
    if len(text) > LONGEST_PARSED:
        return None
    try:
        tokens = _BLOCK_RULES.parse(text, {})
    except _TooManyStarts:
        return None
    return [
        (int(token.tag[1:]), tokens[index + 1].content, token.map[0])
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and token.map is not None
    ]


# ---------------------------------------------------------------------- blocks of a note


def blocks_of(note_id: int, title: str, content: str, explicit: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks of a note: explicit ones as far as the text still says them, derived ones for the rest.

    Without a heading at its beginning the text has the note's title as its title block, unless blocks were written without any.
    """
    untitled = all(block.block_type != "T" for block in explicit) and _stands_at(content, f"# {title}", 0)
    head, tail, rest, at_end = _still_said(explicit, title, content, _after(content, len(title) + 2) if untitled else 0)
    if not head and not tail:
        return _derived_all(note_id, title, content)
    pieces = pieces_of(rest, to_the_end=at_end) if rest.strip() else []
    if head:
        pieces = [piece if piece.block_type != "T" else Piece("S", piece.text, "#") for piece in pieces]
    elif not pieces and not untitled and (tail[0].block_type, tail[0].args) == ("S", "#"):
        # With nothing in front of it any more, this heading is the title.
        pieces, tail = [Piece("T", tail[0].text, None)], tail[1:]
    elif pieces:
        # With something in front of it now, the title is a heading.
        tail = [b if b.block_type != "T" else b._replace(block_type="S", text=b.text or title, args="#") for b in tail]
    taken = taken_ids(note_id, (block.id for block in (*head, *tail)))
    blocks = (*head, *_derived(note_id, pieces, taken), *tail)
    if untitled or any(block.block_type == "T" for block in blocks):
        return blocks
    return (*_derived(note_id, [Piece("T", title, None)], taken), *blocks)


@lru_cache(maxsize=8)
def _derived_all(note_id: int, title: str, content: str) -> tuple[Block, ...]:
    """Kept for a moment, because a command and the rows of its events read the same text."""
    pieces = pieces_of(content)
    if not pieces or pieces[0].block_type != "T":
        pieces.insert(0, Piece("T", title, None))
    return tuple(_derived(note_id, pieces, {}))


def _derived(note_id: int, pieces: Iterable[Piece], taken: dict[int, int]) -> list[Block]:
    seen: dict[Piece, int] = {}
    blocks = []
    for piece in pieces:
        block_type, text, args = piece
        nth = seen[piece] = seen.get(piece, 0) + 1
        # The title stays the same block when it is reworded.
        seed = _TITLE_HASH if block_type == "T" else crc32(f"{nth}\0{block_type}\0{args}\0{text}".encode("utf-8", "replace"))
        blocks.append(Block(free_id(note_id, seed, taken), block_type, text, args))
    return blocks


def _still_said(explicit: Sequence[Block], title: str, content: str, start: int) -> tuple[list[Block], list[Block], str, bool]:
    """(explicit blocks at the beginning of the text, those at its end, the text between, whether that reaches to the end).

    start: where the text begins that blocks can say.
    """
    said = [markdown(block.piece, title) for block in explicit]
    starts = [start]
    for piece in said:
        start = starts[-1]
        if piece and not _stands_at(content, piece, start):
            break
        starts.append(_after(content, start + len(piece)) if piece else start)
    # What is set in goes on with a list in front of it, so the two are read together.
    while len(starts) > 1 and explicit[len(starts) - 2].block_type in "LN" and _SET_IN.match(content, starts[-1]):
        starts.pop()
    start, head = starts[-1], len(starts) - 1
    ends = [len(content)]
    for piece in reversed(said[head:]):
        end = ends[-1]
        if piece and not _ends_with(content, piece, start, end):
            break
        end -= len(piece)
        ends.append(end - 2 if piece and content[max(start, end - 2) : end] == "\n\n" else end)
    if content[start : ends[-1]].strip():
        while len(ends) > 1 and _SET_IN.match(said[len(said) - len(ends) + 1]):
            ends.pop()
    tail = len(said) - len(ends) + 1
    return list(explicit[:head]), list(explicit[tail:]), content[start : ends[-1]], tail == len(explicit)


def _stands_at(content: str, piece: str, start: int) -> bool:
    end = start + len(piece)
    return content.startswith(piece, start) and (end == len(content) or content.startswith("\n\n", end))


def _after(content: str, end: int) -> int:
    return end + 2 if content.startswith("\n\n", end) else end


def _ends_with(content: str, piece: str, start: int, end: int) -> bool:
    at = end - len(piece)
    return at >= start and content.startswith(piece, at) and (at == start or content[at - 2 : at] == "\n\n") and end >= at
