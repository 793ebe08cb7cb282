"""Rows with a text whose changes wait in memory until several are put in at one go: a rebuild does little else."""

from __future__ import annotations

from threading import Lock

from eventstore.splices import Splice, spliced

GATHERED = 16
"""So many changes of a text wait at most; they take memory meanwhile."""
MADE_CHARACTERS = 2**20
"""Several times what one batch of a rebuild makes."""
_PUTTING_IN = Lock()
_NONE_OF_ITS_OWN: tuple[str, ...] = ()


class _Made:
    """The texts that were made last, up to MADE_CHARACTERS.

    Several read models have rows with the text of a note, and in a rebuild these gather the same changes of the same text, one soon
    after the other: the second takes the text of the first, and there is only one in memory.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[str, list[Splice], str]] = {}
        self._characters = 0

    def text(self, before: str, splices: list[Splice]) -> str:
        """The text after these changes, which have to stay as they are."""
        # No other text has its id as long as it is kept here.
        known = self._made.get(id(before))
        if known is not None:
            if known[1] == splices:
                return known[2]
            self._drop(id(before))
        after = spliced(before, splices)
        self._made[id(before)] = (before, splices, after)
        self._characters += len(before) + len(after)
        while self._characters > MADE_CHARACTERS:
            self._drop(next(iter(self._made)))
        return after

    def _drop(self, key: int) -> None:
        before, _, after = self._made.pop(key)
        self._characters -= len(before) + len(after)

    def forget(self) -> None:
        """There will be no second."""
        self._made.clear()
        self._characters = 0


_MADE = _Made()


def forget_texts() -> None:
    """Frees what was kept for other rows with the same text."""
    with _PUTTING_IN:
        _MADE.forget()


class GatheringText:
    """Mixin of rows. Each change alone would have to fetch all of the text into the cache of the processor.

    `whole` has to be called before `content` is read or stored.
    """

    __slots__ = _NONE_OF_ITS_OWN
    # They are fields of the rows:
    content: str
    splices: list[Splice] | None
    """Changes of the text that have still to be put into it."""

    def splice(self, splice: Splice) -> None:
        """A span of the text changed."""
        if self.splices is None:
            self.splices = [splice]
        else:
            self.splices.append(splice)
            if len(self.splices) >= GATHERED:
                self.whole()

    def replace(self, content: str) -> None:
        """Another text."""
        self.content = content
        self.splices = None

    def whole(self) -> str:
        """The text with all changes in it. Several threads may ask: a rebuild finishes rows that share a text in two."""
        if self.splices is not None:
            with _PUTTING_IN:
                if self.splices is not None:
                    make = _MADE.text if len(self.splices) >= GATHERED else spliced
                    self.content = make(self.content, self.splices)
                    self.splices = None
        return self.content
