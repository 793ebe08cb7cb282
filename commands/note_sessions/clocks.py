"""Which clock to believe about the start or end of a session.

The apps send the local time without its zone. A fixed offset between that and the moment of receipt that some zone on
earth has means that the client told the time of right now in its own zone: then the server's clock is the better one.
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


class Told(NamedTuple):
    """The moment to go by, and what the client claimed if that is something else."""

    moment: str
    claimed: str | None


def believed(given: datetime, zone: str | None, received: datetime) -> Told:
    """The moment for a time that a client gave at `received`, with offset or without."""
    if given.tzinfo is None and zone is None:
        ahead = given.replace(tzinfo=UTC) - received
        offset = STEP * round(ahead / STEP)
        if offset and WIDEST_WEST <= offset <= WIDEST_EAST and abs(ahead - offset) <= SLACK:
            return Told(moments.moment(received, None), moments.moment(given, None))
    return Told(moments.moment(given, zone), None)
