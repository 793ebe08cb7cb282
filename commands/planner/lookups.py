"""What decisions about plans ask of the read models."""

from __future__ import annotations

from typing import Protocol


class PlannerLookups(Protocol):
    """Questions about plans and zones."""

    def planning_ground(self, account_id: int, course_id: int | None, client_event_id: str | None) -> tuple[str | None, bool, int | None]:
        """The account's zone, whether the course exists (true for None), and the id of an event with this client id."""

    def account_zone(self, account_id: int) -> str | None:
        """The zone in which the account's wall-clock times are understood; None means UTC."""

    def knows_zone(self, zone: str) -> bool:
        """Whether the database can compute with a zone of this name."""
