"""What decisions about courses ask of the read models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from commands.handling import Statement


class CourseLookups(Protocol):
    """Asked inside commands, in a thread."""

    def default_course(self, account_id: int) -> int | None:
        """The account's Inbox."""

    def course_by_client_id(self, account_id: int, client_course_id: str) -> int | None:
        """The account's course that its client made under this id."""

    def course_by_slug(self, slug: str) -> int | None:
        """The course of this slug, also if it was deleted."""

    def taken_slugs(self, candidates: Sequence[str]) -> set[str]:
        """Those of the candidates that are a course's slug already, also a deleted course's."""

    def own_courses(self, account_id: int) -> list[int]:
        """The account's courses but the Inbox, in the order in which it sees them."""

    def notes_in_courses(self, course_ids: Sequence[int]) -> list[tuple[int, int, int]]:
        """(note, author, course) of everything in these courses, also what lies in the recycle bin."""

    def course_is_there(self, course_id: int) -> Statement:
        """Requires that the course is not deleted, and keeps it from being deleted until the end of the transaction."""

    def course_is_empty(self, course_id: int) -> Statement:
        """Requires that no note is in the course any more."""

    def note_titles(self, course_id: int) -> set[str]:
        """Titles of everything in the course, also of what lies in the recycle bin."""

    def first_superuser(self) -> int | None:
        """The superuser with the lowest id."""
