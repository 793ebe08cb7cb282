"""Taking changes of courses back, as long as nothing newer stands in the way."""

from __future__ import annotations

from commands.courses.aggregate import Course
from commands.courses.bin import bring_back, delete_course
from commands.errors import Conflict
from commands.handling import Work
from commands.lookups import Lookups
from commands.undo import ASK_FIRST, LATER_FIRST, Span
from eventstore.events import courses


def take_back_course(work: Work[Lookups], span: Span) -> None:
    """Renames, descriptions, icons, colours, places, deletions; a course that was made goes to the recycle bin."""
    course = work.find(Course, span.number)
    after = work.at(Course, span.number, span.last)
    before = work.at(Course, span.number, span.first - 1)
    assert course is not None
    assert after is not None
    actor = work.context.actor
    assert actor is not None
    if after.is_deleted and (before is None or not before.is_deleted):
        if not course.is_deleted:
            return
        # The notes that went along were changed by the same command, and are led back with it.
        bring_back(work, course)
        return
    if before is None or (before.is_deleted and not after.is_deleted):
        if course.is_default:
            # It was made along with something else, such as the first deletion of a course, and is needed from then on.
            return
        if course.is_deleted:
            return
        if not course.is_as(after, but_for=("edited_on",)):
            raise Conflict(f"{_named(course)} was changed after it had been made. {ASK_FIRST}")
        delete_course(work, actor, course.number)
        return
    _lead_back(work, course, before, after)


def _lead_back(work: Work[Lookups], course: Course, before: Course, after: Course) -> None:
    now = work.context.now
    if course.is_deleted:
        raise Conflict(f"{_named(course)} lies in the recycle bin. Restore it first.")
    changed = [
        name
        for name in ("title", "description", "icon", "color_hue", "sort_order")
        if getattr(before, name) not in (getattr(after, name), getattr(course, name))
    ]
    if any(getattr(course, name) != getattr(after, name) for name in changed):
        raise Conflict(f"{_named(course)} has been changed since then. {LATER_FIRST}")
    if "title" in changed:
        course.trigger(courses.CourseRenamed, now, title=before.title)
    if "description" in changed:
        course.trigger(courses.CourseDescribed, now, description=before.description)
    if "icon" in changed:
        course.trigger(courses.CourseIconChanged, now, icon=before.icon)
    if "color_hue" in changed:
        course.trigger(courses.CourseColorChanged, now, color_hue=before.color_hue)
    if "sort_order" in changed:
        course.trigger(courses.CourseArranged, now, sort_order=before.sort_order)


def _named(course: Course) -> str:
    return f'The course {course.number} "{course.title}"'
