"""Answers to what undoing asks; see commands/undo.py for what each means."""

from __future__ import annotations

from collections.abc import Sequence

from projections.answers import SqlAnswers
from projections.changes.queries import (
    NEWEST_FIRST,
    OLDEST,
    OLDEST_FIRST,
    UNDOINGS,
    Change,
    event_params,
    grouped,
    undone_commands,
)

EVENTS_AT_ONCE = 500
MOST_LOOKS = 20

Parts = tuple[int, str, bool, Sequence[tuple[str, int, int]]]


class ChangeAnswers(SqlAnswers):
    """Asked inside commands, in a thread."""

    def last_change(self, account_id: int) -> Parts | None:
        """From the newest event on, over what is undone and what undoes."""
        before = OLDEST
        for _ in range(MOST_LOOKS):
            rows = self.rows(NEWEST_FIRST, account=account_id, **event_params(before, 0, EVENTS_AT_ONCE))
            changes = grouped(rows)
            complete = len(rows) < EVENTS_AT_ONCE
            if changes:
                undone = self._undone(account_id, changes[-1].first_position)
                # The oldest of them may be cut off by the limit: it is the first one of the next look.
                for change in changes if complete or len(changes) == 1 else changes[:-1]:
                    if change.undoes is None and change.command not in undone:
                        return self._whole(account_id, change, done=False)
                before = changes[-2].first_position if len(changes) > 1 else changes[-1].first_position
            if complete:
                return None
        return None

    def change(self, account_id: int, change_id: int) -> Parts | None:
        """By its first position."""
        rows = self.rows(OLDEST_FIRST, account=account_id, **event_params(OLDEST, change_id, 1))
        if not rows or rows[0][0] != change_id:
            return None
        change = grouped(rows)[0]
        return self._whole(account_id, change, done=change.command in self._undone(account_id, change_id))

    def _whole(self, account_id: int, change: Change, *, done: bool) -> Parts:
        """With all of its events: they were appended at once, but others of the account may stand between them."""
        rows = self.rows(OLDEST_FIRST, account=account_id, **event_params(OLDEST, change.first_position))
        whole = next(found for found in grouped(reversed(rows)) if found.command == change.command)
        spans = [(stream, first, last) for stream, (first, last) in sorted(whole.spans.items())]
        return change.first_position, change.command, done, spans

    def _undone(self, account_id: int, after: int) -> set[str]:
        return undone_commands((row[0], row[1]) for row in self.rows(UNDOINGS, account=account_id, after=after))
