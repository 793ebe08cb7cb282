"""Choosing the zone in which an account's wall-clock times are understood."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import available_timezones

from commands.errors import Invalid
from commands.handling import Work
from commands.lookups import Lookups
from commands.planner.aggregate import Planner
from commands.planner.events import acting_account


def choose_time_zone(work: Work[Lookups], zone: str | None) -> None:
    """From here on the account's wall-clock times are times in this zone."""
    if zone is not None and (zone not in _zones() or not work.lookups.knows_zone(zone)):
        raise Invalid({"time_zone": ["Not a known time zone. Use a name such as Europe/Berlin."]})
    planner = work.find(Planner, acting_account(work)) or work.new(Planner, acting_account(work))
    planner.choose_zone(zone, work.context.now)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
