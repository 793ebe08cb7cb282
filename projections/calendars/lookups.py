"""What commands about calendars ask of the read models (commands/calendars/lookups.py)."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from projections.answers import SqlAnswers
from projections.reading import Query

_COURSE = "SELECT EXISTS (SELECT FROM courses.courses WHERE id = %(course)s AND deleted_at IS NULL)"
_FEEDS = "SELECT count(*) FROM calendars.feeds WHERE owner_id = %(account)s AND deleted_at IS NULL"
_ADDRESSES = "SELECT count(*) FROM calendars.addresses WHERE owner_id = %(account)s AND token_digest IS NOT NULL"
_GOOD_ADDRESSES = "SELECT id FROM calendars.addresses WHERE owner_id = %(account)s AND token_digest IS NOT NULL"

# One after the other per account: whoever comes second counts what the first has committed. A statement of its own, since the
# next one sees only what was committed before it began.
_ONE_BY_ONE = "SELECT pg_advisory_xact_lock(7266108, hashint8(%(account)s))"
_FEEDS_FIT = f"SELECT log.require(({_FEEDS}) <= %(most)s)"
_ADDRESSES_FIT = f"SELECT log.require(({_ADDRESSES}) <= %(most)s)"

_TEXT = """
SELECT data FROM log.events
WHERE stream = %(stream)s AND version <= %(version)s AND type = 'CalendarTextGiven' AND length(data) > 0
ORDER BY version DESC LIMIT 1"""


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

    def good_calendar_addresses(self, account_id: int) -> list[int]:
        """Those with a token."""
        return [address_id for (address_id,) in self.rows(_GOOD_ADDRESSES, account=account_id)]

    def at_most_feeds(self, account_id: int, most: int) -> Sequence[Query]:
        """Conditions: the account has no more calendars than that, also if it adds others at this moment."""
        return [Query(_ONE_BY_ONE, {"account": account_id}), Query(_FEEDS_FIT, {"account": account_id, "most": most})]

    def at_most_calendar_addresses(self, account_id: int, most: int) -> Sequence[Query]:
        """Conditions: the account has no more good addresses than that, also if it makes others at this moment."""
        return [Query(_ONE_BY_ONE, {"account": account_id}), Query(_ADDRESSES_FIT, {"account": account_id, "most": most})]

    def given_calendar_text(self, feed_id: int, version: int) -> tuple[str, str, int] | None:
        """(digest, packed, size) of the text that was pasted last into the feed up to this version."""
        row = self.row(_TEXT, stream=f"calendar-feed-{feed_id}", version=version)
        if row is None:
            return None
        given = orjson.loads(row[0])
        return given["digest"], given["packed"], given["size"]
