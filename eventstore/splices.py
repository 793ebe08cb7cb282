"""Texts after many small changes. Copying all of a long text for each of them is what takes the time."""

from __future__ import annotations

from collections.abc import Sequence

Splice = tuple[int, int, str]
"""(where the span begins, how much of the old goes, what comes instead), in code points."""

PIECE = 8192
FEW = 4


def spliced(text: str, splices: Sequence[Splice]) -> str:
    """The text after these changes, one after the other. A long one is cut into pieces of which each change copies only its own."""
    if len(splices) <= FEW or len(text) <= 2 * PIECE:
        for at, removed, inserted in splices:
            text = text[:at] + inserted + text[at + removed :]
        return text
    pieces = [text[cut : cut + PIECE] for cut in range(0, len(text), PIECE)]
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
