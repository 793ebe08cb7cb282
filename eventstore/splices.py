"""Texts after many small changes. Copying all of a long text for each of them is what takes the time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

Splice = tuple[int, int, str]
"""(where the span begins, how much of the old goes, what comes instead), in code points."""

PIECE = 8192
FEW = 4
"""So many changes are made one by one."""
LONG = 32 * PIECE
"""From here on, moving what stands behind a change takes longer than finding its piece."""


def spliced(text: str, splices: Sequence[Splice]) -> str:
    """The text after these changes, one after the other."""
    if len(splices) <= FEW:
        for at, removed, inserted in splices:
            text = text[:at] + inserted + text[at + removed :]
        return text
    if len(text) <= LONG:
        with suppress(UnicodeEncodeError):
            return _in_place(text, splices)
    return _by_pieces(text, splices)


def _in_place(text: str, splices: Sequence[Splice]) -> str:
    """Nothing but what stands behind a change is moved. Raises UnicodeEncodeError where a character takes more than a byte."""
    buffer = bytearray(text, "latin-1")
    for at, removed, inserted in splices:
        buffer[at : at + removed] = inserted.encode("latin-1")
    return buffer.decode("latin-1")


def _by_pieces(text: str, splices: Sequence[Splice]) -> str:
    """The text is cut into pieces of which each change copies only its own."""
    pieces = [text[cut : cut + PIECE] for cut in range(0, len(text), PIECE)] or [""]
    lengths = list(map(len, pieces))
    for start, removed, inserted in splices:
        at, place = start, 0
        while place < len(lengths) - 1 and at > lengths[place]:
            at -= lengths[place]
            place += 1
        piece, behind = pieces[place], place + 1
        while at + removed > len(piece) and behind < len(pieces):
            piece += pieces[behind]
            behind += 1
        piece = piece[:at] + inserted + piece[at + removed :]
        pieces[place:behind], lengths[place:behind] = [piece], [len(piece)]
    return "".join(pieces)
