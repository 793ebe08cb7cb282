"""Following projections: each has its own position in the log, stored in the transaction that writes its rows."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import Connection
from psycopg.rows import TupleRow

from eventstore.database import SETTINGS
from eventstore.message import Message
from eventstore.reader import LogRow
from projections.base import Projection
from projections.loops import LogHead, Loop, Pausing
from projections.parking import is_the_events_fault, park, retry_parked
from projections.rows import apply_events

BATCH = 1000

_STATE = b"SELECT version, position FROM log.projections WHERE name = %s FOR UPDATE"
# Asked once the lock is there: a retry that held it may have freed a stream meanwhile, which the statement that waited does not see.
_WAITING = b"SELECT stream FROM log.parked_streams WHERE projection = %s"
_ADVANCE = b"UPDATE log.projections SET position = %s, ticked_at = now() WHERE name = %s"


class Follower(Loop):
    """Keeps one following projection up to date."""

    # A crash loses rows and position together, and they come again from the log.
    settings = SETTINGS + " -c synchronous_commit=off"
    batch = BATCH

    def __init__(self, projection: Projection, conninfo: str, head: LogHead) -> None:
        super().__init__(projection.name, conninfo, head)
        self.projection = projection
        self.position = 0
        self._retried = False

    def start(self) -> None:
        """Finds its position. What an older release had to park is tried once more by this one."""
        self._head.log.forget()
        self.position = stored_position(self.connection, self.projection)
        if not self._retried:
            retry_parked(self.connection, self.projection)
            self._retried = True

    def step(self) -> int:
        """Applies the next batch."""
        batch = self._head.log.read(self.connection, self.position, self.batch)
        if batch:
            self.position = apply_or_park(self.connection, self.projection, self.position, batch)
        return len(batch)

    def rest(self) -> None:
        """Waits for the head to move."""
        self._head.rest(self.position, self.stop)

    def tick(self) -> None:
        """Notes the heartbeat."""
        self.connection.execute("UPDATE log.projections SET ticked_at = now() WHERE name = %s", (self.name,))


def stored_position(connection: Connection[TupleRow], projection: Projection) -> int:
    """How far the projection's live tables have come."""
    row = connection.execute(
        "SELECT position FROM log.projections WHERE name = %s AND version = %s AND lifecycle = 'following'",
        (projection.name, projection.version),
    ).fetchone()
    if row is None:
        raise Pausing(f"the tables of {projection.name} are not those of this release")
    return int(row[0])


def apply_batch(connection: Connection[TupleRow], projection: Projection, after: int, batch: Sequence[LogRow]) -> int:
    """Applies what was read behind position `after`, in one transaction, and returns the stored position.

    Does nothing when the stored position is another one: the batch was applied before, or the tables were rebuilt.
    """
    with Message(connection) as message:
        state = message.execute(_STATE, (projection.name,))
        waiting = message.execute(_WAITING, (projection.name,))
        stored = state.fetchone()
        if stored is None or stored[0] != projection.version:
            raise Pausing(f"the tables of {projection.name} are not those of this release")
        if stored[1] != after:
            return int(stored[1])
        parked = {stream for (stream,) in waiting.fetchall()}
        apply_events(message, projection, [row for row in batch if row.stream not in parked])
        message.execute(_ADVANCE, (batch[-1].position, projection.name))
    return batch[-1].position


def apply_or_park(connection: Connection[TupleRow], projection: Projection, after: int, batch: Sequence[LogRow]) -> int:
    """Applies a batch; halves it while it fails, until the event that makes it fail is alone, and parks that one's stream."""
    try:
        return apply_batch(connection, projection, after, batch)
    except Exception as error:
        if not is_the_events_fault(error):
            raise
        if len(batch) == 1:
            return park(connection, projection, after, batch[0], error)
    middle = len(batch) // 2
    reached = apply_or_park(connection, projection, after, batch[:middle])
    if reached != batch[middle - 1].position:
        return reached
    return apply_or_park(connection, projection, reached, batch[middle:])
