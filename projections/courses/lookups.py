"""What commands ask about courses."""

from __future__ import annotations

from collections.abc import Sequence

from projections.answers import SqlAnswers
from projections.reading import Query

_OWN = """
SELECT c.id FROM courses.courses c
LEFT JOIN subscriptions.subscriptions s ON s.course_id = c.id AND s.account_id = c.owner_id AND s.is_active
WHERE c.owner_id = %(account)s AND c.deleted_at IS NULL AND NOT c.is_default
ORDER BY c.sort_order = 0, c.sort_order, s.account_id IS NULL, coalesce(s.opened_at, s.subscribed_at) DESC,
         c.title_key COLLATE "C", c.id"""
_BY_CLIENT_ID = """
SELECT id FROM courses.courses
WHERE owner_id = %(account)s AND client_course_id = %(client_id)s AND deleted_at IS NULL"""

# The lock waits for a deletion that has written the course's row, and makes a later one wait.
_IS_THERE = """
SELECT log.require(EXISTS (SELECT FROM courses.courses WHERE id = %(course)s AND deleted_at IS NULL FOR SHARE))"""
_IS_EMPTY = "SELECT log.require(NOT EXISTS (SELECT FROM notes.notes WHERE course_id = %(course)s))"


class CourseAnswers(SqlAnswers):
    """Implements commands.courses.lookups.CourseLookups."""

    def default_course(self, account_id: int) -> int | None:
        """The account's Inbox."""
        row = self.row(
            "SELECT id FROM courses.courses WHERE owner_id = %(account)s AND is_default AND deleted_at IS NULL",
            account=account_id,
        )
        return row[0] if row else None

    def course_by_client_id(self, account_id: int, client_course_id: str) -> int | None:
        """The account's course that its client made under this id."""
        row = self.row(_BY_CLIENT_ID, account=account_id, client_id=client_course_id)
        return row[0] if row else None

    def course_by_slug(self, slug: str) -> int | None:
        """The course of this slug, also if it was deleted."""
        row = self.row("SELECT id FROM courses.courses WHERE slug = %(slug)s", slug=slug)
        return row[0] if row else None

    def taken_slugs(self, candidates: Sequence[str]) -> set[str]:
        """Those of the candidates that are a course's slug already."""
        rows = self.rows("SELECT slug FROM courses.courses WHERE slug = ANY(%(slugs)s::text[])", slugs=list(candidates))
        return {slug for (slug,) in rows}

    def own_courses(self, account_id: int) -> list[int]:
        """The account's courses but the Inbox, in the order in which it sees them."""
        return [course_id for (course_id,) in self.rows(_OWN, account=account_id)]

    def notes_in_courses(self, course_ids: Sequence[int]) -> list[tuple[int, int, int]]:
        """(note, author, course) of everything in these courses, also what lies in the recycle bin."""
        sql = "SELECT id, owner_id, course_id FROM notes.notes WHERE course_id = ANY(%(courses)s::bigint[]) ORDER BY id"
        return [(note_id, author_id, course_id) for note_id, author_id, course_id in self.rows(sql, courses=list(course_ids))]

    def course_is_there(self, course_id: int) -> Query:
        """Not deleted, for as long as the transaction lasts."""
        return Query(_IS_THERE, {"course": course_id})

    def course_is_empty(self, course_id: int) -> Query:
        """Without notes, also such as others have filed in it meanwhile."""
        return Query(_IS_EMPTY, {"course": course_id})

    def note_titles(self, course_id: int) -> set[str]:
        """Titles of everything in the course, also of what lies in the recycle bin."""
        rows = self.rows("SELECT title FROM notes.notes WHERE course_id = %(course)s", course=course_id)
        return {title for (title,) in rows}

    def first_superuser(self) -> int | None:
        """The superuser with the lowest id."""
        row = self.row("SELECT min(id) FROM accounts.accounts WHERE is_superuser AND is_active")
        return row[0] if row else None
