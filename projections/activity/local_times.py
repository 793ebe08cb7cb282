"""Times on the wall of an account's zone as instants."""

from __future__ import annotations


def first_instant(local: str, zone: str) -> str:
    """SQL for the instant at which clocks of the zone first show a time (RFC 5545, 3.3.5); a time that is skipped moves past the gap.

    Of a time that happens twice `AT TIME ZONE` takes the second instant. How far clocks were put back shows in the day before it.
    """
    last = f"({local}) AT TIME ZONE {zone}"
    back = f"(({last} - interval '24 hours') AT TIME ZONE {zone} - (({local}) - interval '24 hours'))"
    return f"(CASE WHEN ({last} - {back}) AT TIME ZONE {zone} = ({local}) THEN {last} - {back} ELSE {last} END)"
