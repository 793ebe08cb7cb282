"""Answers to what undoing asks; see commands/undo.py for what each means."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TypeVar

from projections.answers import SqlAnswers
from projections.changes.queries import (
    NEWEST_FIRST,
    OLDEST,
    OLDEST_FIRST,
    UNDOINGS,
    Change,
    Reading,
    consists_of,
    event_params,
    grouped,
    read_changes,
    undone_commands,
)

EVENTS_AT_ONCE = 500
MOST_LOOKS = 20
ASSISTANTS = ("mcp:", "api_key")
"""What the channels of assistants begin with: over the MCP endpoint, and over REST."""

T = TypeVar("T")
Parts = tuple[int, str, bool, Sequence[tuple[str, int, int]]]


class ChangeAnswers(SqlAnswers):
    """Asked inside commands, in a thread."""

    def last_change(self, account_id: int, kinds: Container[str], before: int | None, key: str | None) -> Parts | None:
        """From the newest event on, over what is undone, what undoes and what nobody can take back."""
        for _ in range(MOST_LOOKS):
            changes, more = self._read(account_id, read_changes(before, EVENTS_AT_ONCE))
            undone = self._undone(account_id, changes[-1].first_position) if changes else set()
            for change in changes:
                if change.command not in undone and _is_wanted(change, kinds, key):
                    return _parts(change, done=False)
            if not more:
                return None
            before = changes[-1].first_position
        return None

    def _read(self, account_id: int, reading: Reading[T]) -> T:
        query = next(reading)
        while True:
            row = self.row(query.sql, viewer=account_id, **query.params)
            assert row is not None
            try:
                query = reading.send(row)
            except StopIteration as read:
                return read.value  # type: ignore[no-any-return]

    def change(self, account_id: int, change_id: int) -> Parts | None:
        """By its first position."""
        rows = self.rows(OLDEST_FIRST, account=account_id, **event_params(OLDEST, change_id, 1))
        if not rows or rows[0][0] != change_id:
            return None
        change = grouped(rows)[0]
        return self._whole(account_id, change, done=change.command in self._undone(account_id, change_id))

    def _whole(self, account_id: int, change: Change, *, done: bool) -> Parts:
        """With all of its events: they were appended at once, but others of the account may stand between them. They may be more than
        were read to find it, on both sides.
        """
        while older := self._of(change, NEWEST_FIRST, account_id, event_params(change.first_position, 0, EVENTS_AT_ONCE)):
            change.take_in(older)
        while later := self._of(change, OLDEST_FIRST, account_id, event_params(OLDEST, change.last_position + 1, EVENTS_AT_ONCE)):
            change.take_in(later)
        return _parts(change, done=done)

    def _of(self, change: Change, sql: str, account_id: int, params: dict[str, object]) -> Change | None:
        """What else of the same command is found there."""
        return next((found for found in grouped(self.rows(sql, account=account_id, **params)) if found.command == change.command), None)

    def _undone(self, account_id: int, after: int) -> set[str]:
        return undone_commands((row[0], row[1]) for row in self.rows(UNDOINGS, account=account_id, after=after))


def _parts(change: Change, *, done: bool) -> Parts:
    spans = [(stream, first, last) for stream, (first, last) in sorted(change.spans.items())]
    return change.first_position, change.command, done, spans


def _is_wanted(change: Change, kinds: Container[str], key: str | None) -> bool:
    of_key = key is None or (change.channel.startswith(ASSISTANTS) and change.key == key)
    return of_key and change.undoes is None and consists_of(change, kinds)
