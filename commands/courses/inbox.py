"""The Inbox: the one default course of each account, where notes without a course lie (contract: notes 3.10, 13.1)."""

from __future__ import annotations

from commands.courses.aggregate import Course
from commands.courses.slugs import free_slug
from commands.handling import Work
from commands.lookups import Lookups
from eventstore.events import courses

TITLE = "Inbox"
DESCRIPTION = "Default category"


def inbox_of(work: Work[Lookups], account_id: int) -> int:
    """The id of the account's Inbox, which is made in the same transaction when there is none.

    Two commands that open one at once: the unique index lets one through, the other is decided anew and finds it.
    """
    for aggregate in work.aggregates.values():
        if isinstance(aggregate, Course) and aggregate.is_default and aggregate.owner_id == account_id:
            return aggregate.number
    found = work.lookups.default_course(account_id)
    if found is not None:
        return found
    course = work.new(Course, work.lookups.next_id("course"))
    course.trigger(
        courses.CourseCreated,
        work.context.now,
        owner_id=account_id,
        title=TITLE,
        description=DESCRIPTION,
        slug=free_slug(work.lookups, f"inbox-{account_id}"),
        icon=None,
        is_default=True,
        client_course_id=None,
    )
    return course.number
