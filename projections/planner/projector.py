"""Events of the planner -> rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from eventstore import moments
from eventstore.events import Event, planner
from eventstore.events.base import stream_kind, stream_number
from eventstore.events.erasure import OwnerErased
from projections.base import Projection, Row, Table, handles
from projections.rows import Rows
from projections.wire import fragment, offset_time


@dataclass(slots=True)
class PlannerEventRow(Row):
    """One plan."""

    id: int
    owner_id: int
    title: str
    event_date: date
    starts_at: datetime
    ends_at: datetime
    difficulty_weight: int
    description: str | None
    course_id: int | None
    is_completed: bool
    completed_at: datetime | None
    client_event_id: str | None
    created_at: datetime
    last_edit: datetime
    deleted_at: datetime | None
    item: str = ""
    """Members of the event object as JSON, without course_id, which depends on whether the course still exists."""
    mark: int = 0

    def place(self, starts_at: str, ends_at: str) -> None:
        """Takes the window in; the instants are computed from what was given."""
        self.starts_at = moments.instant(starts_at)
        self.ends_at = moments.instant(ends_at)
        self.event_date = moments.day(starts_at)

    def finish(self) -> None:
        """Renders the event object."""
        self.item = fragment(
            {
                "id": self.id,
                "title": self.title,
                "event_date": self.event_date.isoformat(),
                "starts_at": offset_time(self.starts_at),
                "ends_at": offset_time(self.ends_at),
                "difficulty_weight": self.difficulty_weight,
                "description": self.description or "",
                "is_completed": self.is_completed,
                "completed_at": offset_time(self.completed_at),
                "client_event_id": self.client_event_id,
                "date_created": offset_time(self.created_at),
                "last_edit": offset_time(self.last_edit),
            }
        )


@dataclass(slots=True)
class PlannerTrailRow(Row):
    """One step in the life of a plan, from which slips and streaks are read."""

    event_id: int
    version: int
    step: str
    """created, moved, completed, reopened, deleted or restored."""
    owner_id: int
    at: datetime
    from_date: date | None
    to_date: date | None
    mark: int = 0


@dataclass(slots=True)
class PlannerRow(Row):
    """What holds for all plans of an account."""

    account_id: int
    zone: str | None
    mark: int = 0


PLANNER_EVENTS = Table(
    "events",
    PlannerEventRow,
    key=("id",),
    stream="planner-event",
    ddl="""
    CREATE UNIQUE INDEX planner_client_id_unique ON {schema}.events (owner_id, client_event_id) WHERE client_event_id IS NOT NULL;
    CREATE INDEX planner_open ON {schema}.events (owner_id, event_date, title, id) WHERE deleted_at IS NULL AND NOT is_completed;
    CREATE INDEX planner_days ON {schema}.events (owner_id, event_date) INCLUDE (difficulty_weight) WHERE deleted_at IS NULL;
    CREATE INDEX planner_starts ON {schema}.events (owner_id, starts_at) WHERE deleted_at IS NULL AND NOT is_completed;
    CREATE INDEX planner_deleted ON {schema}.events (owner_id, deleted_at DESC) WHERE deleted_at IS NOT NULL;
    """,
)
STEPS = ("created", "moved", "completed", "reopened", "deleted", "restored")
TRAIL = Table(
    "trail",
    PlannerTrailRow,
    key=("event_id", "version", "step"),
    ddl="CREATE INDEX planner_trail_of_owner ON {schema}.trail (owner_id, at DESC);",
)
PLANNERS = Table("planners", PlannerRow, key=("account_id",), stream="planner")


class Planner(Projection):
    """Plans by owner and day, their trail, and the account's zone."""

    name = "planner"
    version = 1
    lifecycle = "inline"
    tables = (PLANNER_EVENTS, TRAIL, PLANNERS)

    @handles(OwnerErased)
    def owner_erased(self, rows: Rows, event: Event) -> None:
        """Nothing is left, the trail neither: any event of the stream may have left a step."""
        super().owner_erased(rows, event)
        if stream_kind(event.originator_id) == "planner-event":
            event_id = stream_number(event.originator_id)
            for version in range(1, event.originator_version):
                for step in STEPS:
                    rows.remove(TRAIL, (event_id, version, step))

    @handles(planner.PlannerEventCreated)
    def created(self, rows: Rows, event: planner.PlannerEventCreated) -> None:
        """A new plan."""
        row = PlannerEventRow(
            id=stream_number(event.originator_id),
            owner_id=event.owner_id,
            title=event.title,
            event_date=date.min,
            starts_at=event.timestamp,
            ends_at=event.timestamp,
            difficulty_weight=event.difficulty_weight,
            description=event.description,
            course_id=event.course_id,
            is_completed=event.is_completed,
            completed_at=_instant(event.completed_at),
            client_event_id=event.client_event_id,
            created_at=event.timestamp,
            last_edit=event.timestamp,
            deleted_at=None,
        )
        row.place(event.starts_at, event.ends_at)
        if rows.add(PLANNER_EVENTS, row, event):
            self._step(rows, event, row, "created", None, row.event_date)
            if event.is_completed:
                self._step(rows, event, row, "completed", row.event_date, row.event_date)

    @handles(planner.PlannerEventRenamed)
    def renamed(self, rows: Rows, event: planner.PlannerEventRenamed) -> None:
        """Another title."""
        if row := self._touched(rows, event):
            row.title = event.title

    @handles(planner.PlannerEventMoved)
    def moved(self, rows: Rows, event: planner.PlannerEventMoved) -> None:
        """Another window."""
        if row := self._touched(rows, event):
            before = row.event_date
            row.place(event.starts_at, event.ends_at)
            self._step(rows, event, row, "moved", before, row.event_date)

    @handles(planner.PlannerEventWeighed)
    def weighed(self, rows: Rows, event: planner.PlannerEventWeighed) -> None:
        """Another importance."""
        if row := self._touched(rows, event):
            row.difficulty_weight = event.difficulty_weight

    @handles(planner.PlannerEventDescribed)
    def described(self, rows: Rows, event: planner.PlannerEventDescribed) -> None:
        """Another description."""
        if row := self._touched(rows, event):
            row.description = event.description

    @handles(planner.PlannerEventFiled)
    def filed(self, rows: Rows, event: planner.PlannerEventFiled) -> None:
        """Another course."""
        if row := self._touched(rows, event):
            row.course_id = event.course_id

    @handles(planner.PlannerEventCompleted)
    def completed(self, rows: Rows, event: planner.PlannerEventCompleted) -> None:
        """Done."""
        if row := self._touched(rows, event):
            row.is_completed = True
            row.completed_at = _instant(event.completed_at)
            self._step(rows, event, row, "completed", row.event_date, row.event_date)

    @handles(planner.PlannerEventReopened)
    def reopened(self, rows: Rows, event: Event) -> None:
        """Not done."""
        if row := self._touched(rows, event):
            row.is_completed = False
            row.completed_at = None
            self._step(rows, event, row, "reopened", row.event_date, row.event_date)

    @handles(planner.PlannerEventCompletionTimed)
    def completion_timed(self, rows: Rows, event: planner.PlannerEventCompletionTimed) -> None:
        """Another time of completion."""
        if row := self._touched(rows, event):
            row.completed_at = _instant(event.completed_at)

    @handles(planner.PlannerEventDeleted)
    def deleted(self, rows: Rows, event: Event) -> None:
        """Into the bin."""
        if row := self._touched(rows, event):
            row.deleted_at = event.timestamp
            self._step(rows, event, row, "deleted", row.event_date, None)

    @handles(planner.PlannerEventRestored)
    def restored(self, rows: Rows, event: Event) -> None:
        """Out of the bin."""
        if row := self._touched(rows, event):
            row.deleted_at = None
            self._step(rows, event, row, "restored", None, row.event_date)

    @handles(planner.TimeZoneChosen)
    def time_zone_chosen(self, rows: Rows, event: planner.TimeZoneChosen) -> None:
        """Another zone."""
        account_id = stream_number(event.originator_id)
        if row := rows.due(PLANNERS, account_id, event):
            row.zone = event.zone
        else:
            rows.add(PLANNERS, PlannerRow(account_id, event.zone), event)

    def _touched(self, rows: Rows, event: Event) -> PlannerEventRow | None:
        row = rows.due(PLANNER_EVENTS, stream_number(event.originator_id), event)
        if row is not None:
            row.last_edit = event.timestamp
        return row

    def _step(self, rows: Rows, event: Event, row: PlannerEventRow, step: str, from_date: date | None, to_date: date | None) -> None:
        rows.add(
            TRAIL,
            PlannerTrailRow(row.id, event.originator_version, step, row.owner_id, event.timestamp, from_date, to_date),
            event,
        )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
