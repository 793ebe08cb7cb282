"""What undoing asks of the read models."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Protocol

Parts = tuple[int, str, bool, Sequence[tuple[str, int, int]]]
"""(id of the change, its command, whether it was undone, spans as (stream, first, last))."""


class ChangeLookups(Protocol):
    """Asked inside commands, in a thread."""

    def last_change(self, account_id: int, kinds: Container[str], before: int | None, key: str | None) -> Parts | None:
        """The account's newest change that was not undone and is no undoing itself, in which all streams are of these kinds.

        before: of those that began in front of this position only. key: of those that an assistant made with the API key of this
        beginning only.
        """

    def change(self, account_id: int, change_id: int) -> Parts | None:
        """One change of the account, by the position of its first event."""
