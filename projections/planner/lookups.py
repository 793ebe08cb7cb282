"""What commands about plans ask of the read models (commands/planner/lookups.py)."""

from __future__ import annotations

from projections.answers import SqlAnswers

_GROUND = """
SELECT (SELECT zone FROM planner.planners WHERE account_id = %(account)s),
       %(course)s::bigint IS NULL OR EXISTS (SELECT FROM courses.courses WHERE id = %(course)s AND deleted_at IS NULL),
       (SELECT id FROM planner.events WHERE owner_id = %(account)s AND client_event_id = %(client_id)s::text)"""


class PlannerAnswers(SqlAnswers):
    """Answers about plans and zones."""

    def planning_ground(self, account_id: int, course_id: int | None, client_event_id: str | None) -> tuple[str | None, bool, int | None]:
        """(the account's zone, whether the course exists, id of the event with this client id)."""
        row = self.row(_GROUND, account=account_id, course=course_id, client_id=client_event_id)
        assert row is not None
        return row[0], row[1], row[2]

    def account_zone(self, account_id: int) -> str | None:
        """The zone in which the account's wall-clock times are understood; None means UTC."""
        row = self.row("SELECT zone FROM planner.planners WHERE account_id = %(account)s", account=account_id)
        return row[0] if row else None

    def knows_zone(self, zone: str) -> bool:
        """Whether the database can compute with a zone of this name."""
        return self.row("SELECT FROM pg_timezone_names WHERE name = %(zone)s", zone=zone) is not None
