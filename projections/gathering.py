"""Rows with a text whose changes wait in memory until several are put in at one go."""

from __future__ import annotations

from threading import Lock

from eventstore.splices import Splice, spliced

GATHERED = 16
"""So many changes of a text wait at most; they take memory meanwhile."""
_PUTTING_IN = Lock()
_NONE_OF_ITS_OWN: tuple[str, ...] = ()


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
                    self.content = spliced(self.content, self.splices)
                    self.splices = None
        return self.content
