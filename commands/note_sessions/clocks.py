"""What the times of a session mean that a client gives.

The apps send the local time without its zone. A fixed offset between that and the moment of receipt that some zone on
earth has means that the client told the time of right now in its own zone: then the server's clock is the better one, and
the client's other times in this session are as far ahead of UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from eventstore import moments

WIDEST_WEST = timedelta(hours=-12)
WIDEST_EAST = timedelta(hours=14)
STEP = timedelta(minutes=15)
"""All zones of the present are whole quarters of an hour away from UTC."""
SLACK = timedelta(seconds=90)
"""So far may the client's clock be off, with the travel of the request."""
NONE_AHEAD = timedelta()


class Told(NamedTuple):
    """The moment to go by, and what the client claimed if that is something else."""

    moment: str
    claimed: str | None


def told(given: datetime, zone: str | None, ahead: timedelta | None = None) -> Told:
    """The moment for a time that a client gave, with offset or without. ahead: how far its clock is ahead of UTC, where that is known."""
    if ahead and is_local(given, zone):
        return Told(moments.moment((given - ahead).replace(tzinfo=UTC), None), moments.moment(given, None))
    return Told(moments.moment(given, zone), None)


def is_local(given: datetime, zone: str | None) -> bool:
    """Whether the time is one of an unknown zone."""
    return given.tzinfo is None and zone is None


def ahead_now(given: datetime, received: datetime) -> timedelta | None:
    """How far a local clock that shows this time right now is ahead of UTC; None when no zone explains it."""
    ahead = given.replace(tzinfo=UTC) - received
    offset = STEP * round(ahead / STEP)
    if not WIDEST_WEST <= offset <= WIDEST_EAST or abs(ahead - offset) > SLACK:
        return None
    return ahead if offset else NONE_AHEAD


def ahead_at_start(started_at: str, claimed: str | None, received: datetime) -> timedelta | None:
    """How far the client's clock is ahead of UTC, as the start of a session told; None when it did not tell."""
    if claimed is not None:
        return moments.instant(claimed) - moments.instant(started_at)
    given, zone = moments.split(started_at)
    return NONE_AHEAD if is_local(given, zone) and ahead_now(given, received) == NONE_AHEAD else None
