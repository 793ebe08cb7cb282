"""A clock that jumps back: times inside a stream go on rising, and so does what clients order by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from commands.accounts.aggregate import Account
from eventstore.events import accounts

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_times_of_a_stream_rise_when_the_clock_falls() -> None:
    account = Account("account-1")
    account.trigger(accounts.AccountRegistered, NOON, username="ada", email="ada@example.org", password_hash=None)
    for hours in (1, -5, 0, -5):
        account.trigger(accounts.UsernameChanged, NOON + timedelta(hours=hours), username=f"ada{hours}")
    times = [event.timestamp for event in account.pending]
    assert times == sorted(set(times))
    assert times[2] - times[1] == timedelta(microseconds=1)
