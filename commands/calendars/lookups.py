"""What decisions about calendars ask of the read models."""

from __future__ import annotations

from typing import Protocol


class CalendarLookups(Protocol):
    """Questions about calendars."""

    def course_exists(self, course_id: int) -> bool:
        """Whether there is such a course, of whomever."""

    def count_feeds(self, account_id: int) -> int:
        """How many calendars the account has."""

    def count_calendar_addresses(self, account_id: int) -> int:
        """How many secret addresses of the account are good."""
