"""What commands about calendars ask of the read models (commands/calendars/lookups.py)."""

from __future__ import annotations

from projections.answers import SqlAnswers

_COURSE = "SELECT EXISTS (SELECT FROM courses.courses WHERE id = %(course)s AND deleted_at IS NULL)"
_FEEDS = "SELECT count(*) FROM calendars.feeds WHERE owner_id = %(account)s AND deleted_at IS NULL"
_ADDRESSES = "SELECT count(*) FROM calendars.addresses WHERE owner_id = %(account)s AND token_digest IS NOT NULL"


class CalendarAnswers(SqlAnswers):
    """Answers about calendars."""

    def course_exists(self, course_id: int) -> bool:
        """Whether there is such a course, of whomever."""
        row = self.row(_COURSE, course=course_id)
        return row is not None and bool(row[0])

    def count_feeds(self, account_id: int) -> int:
        """How many calendars the account has."""
        return self.number(_FEEDS, account=account_id) or 0

    def count_calendar_addresses(self, account_id: int) -> int:
        """How many secret addresses of the account are good."""
        return self.number(_ADDRESSES, account=account_id) or 0
