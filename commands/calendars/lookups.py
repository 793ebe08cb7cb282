"""What decisions about calendars ask of the read models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from commands.handling import Statement


class CalendarLookups(Protocol):
    """Questions about calendars."""

    def course_exists(self, course_id: int) -> bool:
        """Whether there is such a course, of whomever."""

    def count_feeds(self, account_id: int) -> int:
        """How many calendars the account has."""

    def count_calendar_addresses(self, account_id: int) -> int:
        """How many secret addresses of the account are good."""

    def good_calendar_addresses(self, account_id: int) -> list[int]:
        """Ids of the account's secret addresses that are good."""

    def at_most_feeds(self, account_id: int, most: int) -> Sequence[Statement]:
        """Conditions: the account has no more calendars than that, also if it adds others at this moment."""

    def at_most_calendar_addresses(self, account_id: int, most: int) -> Sequence[Statement]:
        """Conditions: the account has no more good addresses than that, also if it makes others at this moment."""

    def given_calendar_text(self, feed_id: int, version: int) -> tuple[str, str, int] | None:
        """(digest, packed, size) of the text that was pasted last into the feed up to this version."""
