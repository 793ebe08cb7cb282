"""Secret addresses under which calendar programs read an account's plans: making, rotating, revoking."""

from __future__ import annotations

from commands.calendars.aggregates import CalendarAddress
from commands.errors import Declined, NotFound
from commands.handling import Work
from commands.lookups import Lookups
from eventstore.events import calendars

MOST_ADDRESSES = 20


def make_calendar_address(work: Work[Lookups], label: str, token_digest: str, *, includes_sessions: bool) -> int:
    """A new address for the caller; returns its id."""
    account_id = work.context.actor
    assert account_id is not None
    if work.lookups.count_calendar_addresses(account_id) >= MOST_ADDRESSES:
        raise Declined(f"An account can have {MOST_ADDRESSES} calendar addresses. Revoke one first.")
    for condition in work.lookups.at_most_calendar_addresses(account_id, MOST_ADDRESSES):
        work.require(condition)
    address = work.new(CalendarAddress, work.lookups.next_id("calendar_address"))
    address.trigger(
        calendars.CalendarAddressMade,
        work.context.now,
        owner_id=account_id,
        label=label,
        token_digest=token_digest,
        includes_sessions=includes_sessions,
    )
    return address.number


def rotate_calendar_address(work: Work[Lookups], address_id: int, token_digest: str) -> int:
    """The old token is void at once."""
    address = _own_address(work, address_id)
    address.trigger(calendars.CalendarAddressRotated, work.context.now, token_digest=token_digest)
    return address.number


def revoke_calendar_address(work: Work[Lookups], address_id: int) -> int:
    """The address is void at once, for good."""
    address = _own_address(work, address_id)
    address.trigger(calendars.CalendarAddressRevoked, work.context.now)
    return address.number


def note_calendar_address_use(work: Work[Lookups], address_id: int) -> None:
    """Somebody read it."""
    address = work.find(CalendarAddress, address_id)
    if address is not None:
        address.use(work.context.now)


def _own_address(work: Work[Lookups], address_id: int) -> CalendarAddress:
    address = work.find(CalendarAddress, address_id)
    if address is None or address.owner_id != work.context.actor or address.revoked:
        raise NotFound("CalendarAddress")
    return address
